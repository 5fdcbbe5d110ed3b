"""Derivers: turn transitions in order of time (probes, so far) into observations of durations.

The entry is `Timelines` in `timelines`. Derivers read transitions of closed slices (`look_ahead` those of
open ones too, on a copy), and know neither series nor objectives.
"""
