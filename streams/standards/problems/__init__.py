"""What is wrong with a file: where, what was found, which rule, and what to write instead."""
