"""The work of each command once its options are known: a function `run` in one module for each command.

They import what the command works with: Pydantic, numpy, Kafka clients, in `demonstration` Faust too, most of a second;
`worker` at first only what its checks need. A module of `agents.cli.commands` imports its process when it runs, so that
help and mistakes in options stay quick.
"""
