"""Files that users write and read: standards, event logs, dead letters. One module each; none of them knows Kafka.

A file that cannot be read or written ends the command with a `Fault` that names the file and the remedy.
"""
