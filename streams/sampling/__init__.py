"""Samples: a few records of a log, decoded one by one to show how they are read, and how a mapping fits them.

The entry is `Sampler` in `sampler`; `sample` defines its report. Nothing is counted or kept, and nothing that depends
on other records of the log, such as lateness or duplicates, is judged.
"""
