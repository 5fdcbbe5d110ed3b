"""The engine over event logs, without a worker."""
