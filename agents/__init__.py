"""The edges of the service-level monitor: Kafka, Faust, HTTP, files and the command line."""
