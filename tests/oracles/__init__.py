"""Exact reference results that share no code with the product, and the logs and standards that they are drawn for."""
