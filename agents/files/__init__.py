"""Files that users write and read: standards, event logs, dead letters."""
