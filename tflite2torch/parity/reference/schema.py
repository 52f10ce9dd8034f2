"""TFLite's schema with its object API: ``schema.ModelT``, ``schema.TensorT``, …

It is part of LiteRT and of TensorFlow, and loaded from whichever is installed when a name is first
used; ImportError is raised where none is.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = "schema_py_generated.py"
PLACES = {"ai_edge_litert": FILE, "tensorflow": f"lite/python/{FILE}"}
"""Where packages have it. The file alone is loaded: importing TensorFlow takes seconds."""


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_generated(), name)


@functools.cache
def _generated() -> ModuleType:
    for package, place in PLACES.items():
        found = find_spec(package)
        for folder in (found.submodule_search_locations or ()) if found else ():
            path = Path(folder, place)
            spec = spec_from_file_location("tflite_schema", path)
            if path.is_file() and spec is not None and spec.loader is not None:
                module = module_from_spec(spec)
                spec.loader.exec_module(module)
                return module
    raise ImportError(f"none of {', '.join(PLACES)} is installed")
