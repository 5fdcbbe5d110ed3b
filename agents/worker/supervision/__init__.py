"""Several workers as one."""
