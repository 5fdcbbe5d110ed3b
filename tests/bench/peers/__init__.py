"""The same work in other ways: programs of their own, each `python -m … BROKER TOPIC COUNT`.

Each reads COUNT events and counts them, sums their durations and puts these into a histogram, by service and step and
in windows of ten seconds of event time. It prints one JSON line: how many events and microseconds it counted, and how
many seconds passed from the first event on.
"""
