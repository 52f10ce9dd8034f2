"""Faults planted in emitted modules, and whether comparisons find and blame them."""
