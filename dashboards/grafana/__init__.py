"""Grafana's parts: queries, panels, where they stand."""
