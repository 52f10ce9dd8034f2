"""Functions that emitted modules carry along, one text a file: source, not imported here.

A text may use ``torch``, ``Tensor``, ``nn`` and ``F``; the writer adds these imports.
"""
