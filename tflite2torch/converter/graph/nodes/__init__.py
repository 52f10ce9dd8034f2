"""The kinds of nodes, one file for each family."""
