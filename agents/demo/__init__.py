"""The demonstration: an embedded broker, a simulated service floor, and a worker, in one process.

The entry is `Demonstration` in `demonstration`. The worker is that of production, built as `ephemeral`: its
broker keeps nothing.
"""
