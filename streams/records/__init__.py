"""The records that are published: breaches, audit records and dead letters, as bytes.

Enter at `records.breach_record`, `decision_record` and `notice_record`, and at `dead_letters.records`. No topics and no
transactions: the worker chooses and writes those.
"""
