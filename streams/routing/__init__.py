"""Which series an event feeds."""
