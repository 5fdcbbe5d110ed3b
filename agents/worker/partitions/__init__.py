"""The source partitions that a worker owns."""
