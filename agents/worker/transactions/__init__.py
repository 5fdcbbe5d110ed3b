"""Writing the outputs of a source partition in transactions; enter through `writer.TransactionalWriter`.

Fences earlier owners and ends what Kafka left hanging. Decides nothing about the content of what it writes.
"""
