"""The demonstration: an embedded broker, a simulated service floor, and a worker, in one process.

The entry is `Demonstration` in `demonstration`. The worker is that of production: nothing is special-cased for it.
"""
