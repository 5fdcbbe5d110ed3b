"""Saved state of a source partition: its rows, restoring an engine from them, and the processor that does both.

Enter at `processor.take_over`, which gives a `PartitionProcessor`. No Kafka: records come in and go out as bytes.
"""
