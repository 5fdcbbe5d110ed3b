"""What a fault run led to, and whether that is what was due."""
