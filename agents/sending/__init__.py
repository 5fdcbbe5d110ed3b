"""Sending a log to a topic."""
