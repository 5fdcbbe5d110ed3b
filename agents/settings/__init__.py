"""Settings from options, the environment, a TOML file and defaults, in this order.

The entry is `Settings.resolve` in `settings`. A setting is added as a row of its table; no other module reads
settings from the environment.
"""
