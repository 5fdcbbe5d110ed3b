"""A worker of `slm run`."""
