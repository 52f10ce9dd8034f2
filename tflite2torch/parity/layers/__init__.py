"""Compares a module with TFLite layer by layer, and names the one where they part."""
