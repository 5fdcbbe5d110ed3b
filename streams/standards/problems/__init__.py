"""Problems of a standards file: where, what was found, which rule it breaks, and what to write instead.

Enter at `locate.read` for the document with its positions, and at `problems.StandardsError` for the report. No rule of
the standards themselves stands here.
"""
