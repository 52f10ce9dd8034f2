"""Finds blocks, repeats and stages in a graph."""
