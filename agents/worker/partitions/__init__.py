"""The source partitions that a worker owns, from assignment to loss; enter through `assignment.Assignment`.

Recovers a partition, folds its records, and starts the transactions of what follows. Knows nothing of Faust.
"""
