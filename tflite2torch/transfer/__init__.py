"""Weights on the move: into modules written elsewhere, back into model files, across releases."""
