"""The engine of one source partition: fold a batch of records, then advance event time and close slices.

Enter at `engine.Engine`; `start.Start` holds what it is made with. No input or output and no clock: everything is a
function of the partition's log. Saved forms belong to `streams.state`, published ones to `streams.records`.
"""
