"""Grafana dashboards and Prometheus rules, generated from the vocabulary of :mod:`streams.conventions`.

The entry is `generate`, for the files that are committed; `publish` sends dashboards to a running Grafana. Metric names
are never written here, they come from the conventions.
"""
