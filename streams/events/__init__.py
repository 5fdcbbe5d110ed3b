"""The wire format of events: their fields, strict decoding of one record, and the reasons for rejecting it.

The entry is `decode_counting` in `wire_format`; `event` defines the fields. Batches, mappings of other forms, standards
and Kafka have no place here: the rooms above know them.
"""
