"""The standards file: its model, its loading, its errors."""
