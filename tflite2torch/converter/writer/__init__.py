"""Prints a planned graph as source text, and serializes its weights."""
