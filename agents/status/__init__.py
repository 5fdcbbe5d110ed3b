"""The status of a worker as frozen records, and its readings: the seam between workers and `agents.web`.

The entry is the protocol `MonitorView` in `worker`. Nothing here knows Faust, Kafka or HTTP.
"""
