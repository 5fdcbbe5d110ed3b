"""The real parts that tests start: Kafka, Prometheus, Alertmanager, Chromium."""
