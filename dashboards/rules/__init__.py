"""Rules for Prometheus, and routes for Alertmanager."""
