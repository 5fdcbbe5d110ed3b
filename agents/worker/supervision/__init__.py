"""Several workers on one machine under one supervisor; enter through `supervisor.Supervisor`.

A worker's end of the connection is `supervised`. Nothing here reads Kafka.
"""
