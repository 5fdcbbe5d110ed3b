"""What is published: breaches, audit records, dead letters."""
