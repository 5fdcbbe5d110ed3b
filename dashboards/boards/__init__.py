"""Dashboards: one file each."""
