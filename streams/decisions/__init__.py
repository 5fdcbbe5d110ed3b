"""Decisions at slice ends: which breaches open and close. Enter at `breaches.Decisions`.

Integers and exact fractions only: floats must never decide.
"""
