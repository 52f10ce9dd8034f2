"""One package for each file format: it verifies and parses a file and lowers it to a graph."""
