"""Tables, progress bars and lines on a terminal. They are computed elsewhere: here figures become text."""
