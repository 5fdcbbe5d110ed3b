"""One file for each command of `slm`."""
