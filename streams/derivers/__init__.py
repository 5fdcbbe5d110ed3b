"""Derivers: turn transitions in order of time (probes, so far) into observations of durations.

The entry is `Timelines` in `timelines`. Derivers read transitions of closed slices only, and know neither series nor
objectives.
"""
