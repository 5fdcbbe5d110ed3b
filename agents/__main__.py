"""`python -m agents` is `slm`."""

from agents.cli import main

main()
