"""What objectives attain, and how they stand."""
