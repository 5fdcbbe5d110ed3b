"""Dashboards, one module each, made of rows. No query is written here, except for variables and annotations."""
