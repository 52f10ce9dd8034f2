"""Compares the values of a module with TFLite's tensors, and judges them."""
