"""Decisions at the end of a slice: breaches open and close."""
