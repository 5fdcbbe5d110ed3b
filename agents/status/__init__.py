"""What a worker shows of itself."""
