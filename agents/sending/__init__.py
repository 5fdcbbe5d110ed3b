"""Sending event logs to a topic, line by line, with every acknowledgement awaited.

The entry is `Sending` in `sender`; `slm send` puts the parts together. Nothing here reads Kafka or judges events.
"""
