"""A simulated world: the real engine and the real state code over a simulated log and a simulated state topic."""
