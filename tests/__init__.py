"""The tests; a package, so that they can share code by absolute imports."""
