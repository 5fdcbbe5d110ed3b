"""The control topic, which keeps what control records of the log refer to: standards by their digest.

The entry is `ControlTopic` in `topic`. What standards mean, and when they take effect, is decided by the engine.
"""
