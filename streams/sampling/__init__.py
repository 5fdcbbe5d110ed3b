"""A few records of a log, looked at before they count: what they say, and what a mapping makes of them."""
