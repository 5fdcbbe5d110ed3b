"""Kafka's clients, topics and logs, as everything else here uses them."""
