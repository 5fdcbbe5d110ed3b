"""Packs: standards files that run as they are, one per trade, so far that of the demo's simulated floor.

Data only: YAML files, read by name as package resources. No code has a place here.
"""
