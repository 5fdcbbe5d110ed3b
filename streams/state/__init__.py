"""What is saved of a source partition, how it is taken up again, and the processor that does both."""
