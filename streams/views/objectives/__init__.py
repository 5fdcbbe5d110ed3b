"""How objectives stand: share attained, error budget left. Enter at `standing.Standing`. Exact fractions, no floats."""
