"""The demonstration: an embedded broker, a simulated floor, and a worker."""
