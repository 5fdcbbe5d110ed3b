"""Rows of panels that boards are made of, one module for each subject. How Grafana draws a panel is in `grafana`."""
