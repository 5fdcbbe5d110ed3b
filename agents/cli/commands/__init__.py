"""One module for each command of `slm`, with its click command as `command`. Their table is `agents.cli.COMMANDS`."""
