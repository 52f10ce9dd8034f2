"""Loads what a user names on the command line from Python code of their own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tflite2torch.converter.errors import SourceError

FORM = "FILE.py:NAME or package.module:NAME"


def load_object(text: str) -> Any:
    """Import a file or a module and return what it calls by a name.

    A file is imported with its folder first on ``sys.path``, as ``python FILE.py`` does it. The
    code runs: it is the user's own.

    Args:
        text: ``FILE.py:NAME`` or ``package.module:NAME``.

    Raises:
        SourceError: there is no such file, module or name, or importing it raises.
    """
    where, _, name = text.rpartition(":")
    if not where or not name.isidentifier():
        raise SourceError(f"{text}: give {FORM}")
    try:
        module = _file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except Exception as error:  # whatever the user's code raises
        told = " ".join(str(error).split())
        raise SourceError(
            f"{text}: {where} cannot be imported: {type(error).__name__}: {told}"
        ) from error
    if not hasattr(module, name):
        known = ", ".join(sorted(n for n in vars(module) if not n.startswith("_"))[:20])
        raise SourceError(f"{text}: {where} has no {name}; it has {known or 'no names'}")
    return getattr(module, name)


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = f"user_code_{path.stem}"  # which hides no module that others import
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Classes of the module are looked up there, by pickle, dataclasses and torch.jit.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
