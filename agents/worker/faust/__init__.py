"""Faust, reduced to what reads whole batches of the source topics; enter through `app.Worker`.

Everything that relies on Faust's private attributes is here, and no logic of partitions.
"""
