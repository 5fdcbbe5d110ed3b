"""Grafana dashboards and Prometheus rules, written from the vocabulary of :mod:`streams.conventions`."""
