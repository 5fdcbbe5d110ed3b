"""The engine of one source partition: fold and advance."""
