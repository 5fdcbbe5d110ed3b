"""Kinds of faults, and the plan that says which happen when."""
