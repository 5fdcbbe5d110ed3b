"""Derivers turn ordered transitions into observations."""
