"""Rekeying: topics whose records have other keys are written again, keyed by service."""
