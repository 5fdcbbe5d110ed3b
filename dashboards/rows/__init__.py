"""Rows of panels that boards are made of."""
