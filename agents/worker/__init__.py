"""The worker of `slm run`: settings and standards in, a running monitor out; enter through `monitor.build`.

Its rooms are partitions, transactions, rekeying, Faust and supervision. What follows from events is decided in
`streams`, never here.
"""
