"""From the bytes of a batch of records to columns: key codes, times, durations and ids of its events.

The entry is `read_batch` in `columns`; `rekey` in `rekeying` makes records keyed by service instead. Which series an
event feeds, and whether it is late or a duplicate, is decided in rooms above.
"""
