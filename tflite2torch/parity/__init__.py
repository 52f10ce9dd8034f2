"""Runs the TFLite reference beside the emitted module and says where they part.

Importing this package imports neither torch nor the TFLite interpreter. ``parity.check``
runs modules and needs torch; ``parity.reference`` runs the interpreter, in processes of
its own.
"""
