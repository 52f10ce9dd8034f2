"""The version that this checkout is."""

__version__ = "0.1.0"
