"""Exact integers over event time: slices, the distributions in them, how long they are kept, and sums over windows.

The entries are `Slice` in `slice`, `History` in `history` and `RunningSum` in `running_sum`. Services, objectives and
floats have no place here: everything is integers under integer ids.
"""
