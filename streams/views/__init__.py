"""Views: pure functions over slices. Budgets, shares and quantiles are computed here and nowhere else."""
