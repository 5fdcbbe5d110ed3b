"""Faust, and what it takes to have it read whole batches."""
