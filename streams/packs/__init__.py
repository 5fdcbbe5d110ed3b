"""Standards that run: one file a trade, and the simulated service floor of the demo."""
