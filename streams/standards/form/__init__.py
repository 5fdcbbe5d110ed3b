"""The standards file as it is written: its keys, what each may say, and what must fit together."""
