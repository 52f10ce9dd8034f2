"""Compares emitted modules with TFLite, and reports where they differ.

The rooms, each of which imports only those before it: ``reference`` runs the TFLite side in
processes of its own; ``inputs`` is what both sides are fed; ``align`` lines a module's
operations up with TFLite's tensors; ``layers`` compares and judges; ``reports`` prints.
Importing this package imports neither torch nor a TFLite interpreter.
"""
