"""The edges of the service-level monitor: Kafka, Faust, HTTP, files and the command line.

All input, output and clocks are here; arithmetic about service levels is not, it is in `streams`. The entry is
`agents.cli.main`, the command `slm`.
"""
