"""The wire format of events: their fields, strict decoding of one record, and the reasons for rejecting it.

The entry is `decode_counting` in `wire_format`; `event` defines the fields. Nothing here knows batches, mappings of other
forms, standards or Kafka: those are in the rooms above.
"""
