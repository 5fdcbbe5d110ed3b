"""The pure core of the service-level monitor: no I/O, no clock, no Faust, no Kafka, no Prometheus."""
