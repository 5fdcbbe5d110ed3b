"""What `slm run` and `slm demo` do once their options are known: one module each.

They import Faust and both Kafka clients, most of a second; the commands import them when they begin, so that
`slm run --help` stays quick.
"""
