"""The wire format: what an event is, which kinds there are, and why a record is none."""
