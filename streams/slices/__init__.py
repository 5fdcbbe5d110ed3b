"""Exact integers over event time: slices, their distributions, how long they are kept, and sums over windows."""
