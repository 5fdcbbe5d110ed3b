"""Mappings: turn JSON documents of a user's own form into documents of the wire format.

The entry is `compile_mapping` in `mapping`; `condition_parser` reads the texts of paths and conditions. A mapping
decides nothing that the strict decoder of `streams.events` decides, knows no standards, and never evaluates text as
Python.
"""
