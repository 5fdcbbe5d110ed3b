"""Mappings: how records in a user's own form become events."""
