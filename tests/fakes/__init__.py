"""Stand-ins and scenes for tests: a clock, an engine, a worker as it shows itself, the parts around a partition."""
