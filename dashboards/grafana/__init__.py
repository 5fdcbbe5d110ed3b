"""The parts of a Grafana dashboard: queries, panels, layout. What they show is decided in `rows`."""
