"""Time zones, calendar periods and business hours."""
