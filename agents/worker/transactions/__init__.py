"""What is concluded is written whole or not at all."""
