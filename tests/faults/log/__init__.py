"""The log of a fault run: what is promised of it, what is produced, and what is due."""
