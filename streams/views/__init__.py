"""Views: pure functions over slices. Budgets, shares and quantiles are computed here and nowhere else.

Enter at `levels.Reading`, and at `objectives.standing` for how objectives stand. No state and no formatting.
"""
