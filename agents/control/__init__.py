"""The control topic, which keeps standards and what else the log names."""
