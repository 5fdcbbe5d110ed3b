"""What is fed with hostile bytes: one module for each target."""
