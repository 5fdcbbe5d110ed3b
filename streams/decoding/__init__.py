"""From the bytes of a batch of records to columns of observations."""
