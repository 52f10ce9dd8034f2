"""The node types, one module for each family."""
