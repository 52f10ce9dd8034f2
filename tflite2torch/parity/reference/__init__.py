"""Runs the TFLite side of a comparison, each runtime in a process of its own."""
