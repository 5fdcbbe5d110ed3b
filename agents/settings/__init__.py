"""Settings: option, environment, file, default."""
