"""What the numbers and options of operators stand for."""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError, Table

MAX_VERSION = 100
"""The highest version of an operator; TFLite has not come to 20 with any."""


def operator_name(code: Table) -> tuple[str, bool]:
    """Return the name of an operator code, and whether it is a custom operator.

    Old files state the number in a field of eight bits, new ones in one of 32 bits, and
    put 127 into the old one where it does not fit: the larger number counts. Raises
    FormatError where neither a number nor a custom name is there, or no such version.
    """
    if not 1 <= code.get("version", 1) <= MAX_VERSION:
        raise FormatError(f"its version is {code['version']}")
    numbers = (code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0))
    if min(numbers) < 0:
        raise FormatError(f"its code is {min(numbers)}")
    number = max(numbers)
    builtin = _builtin_names().get(number, f"BUILTIN_{number}")
    if builtin != "CUSTOM":
        return builtin, False
    name = code.get("custom_code", "")
    if not name:
        raise FormatError("it is a custom operator without a name")
    return name, True


@cache
def _builtin_names() -> dict[int, str]:
    names = vars(_schema_class("BuiltinOperator")).items()
    return {number: name for name, number in names if isinstance(number, int)}


def read_options(data: bytes, table: Table) -> Any:
    """Return a verified table of options as the ``tflite`` package's class for it.

    None where that package, which is older than the newest schema, has no such class.
    """
    options_class = _schema_class(table.type)
    if options_class is None:
        return None
    options = options_class()
    options.Init(data, table.at)
    return options


@cache
def _schema_class(name: str) -> Any:
    """Return a class of the ``tflite`` package; None where it has none of this name.

    Each class is in a module of its own, which imports no other. ``import tflite.NAME``
    would run the package's ``__init__`` first, and that imports all 184 of them, in which
    time a model is read: so the package is located, and just the one module run.
    """
    package = find_spec("tflite")
    assert package is not None, "a dependency of this package"
    path = package.submodule_search_locations
    spec = PathFinder.find_spec(f"tflite.{name}", path)
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)
