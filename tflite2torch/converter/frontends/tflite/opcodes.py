"""Resolves operator codes to names, and option tables to classes of ``tflite``."""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError, Table

MAX_VERSION = 100
"""Maximum version of an operator; none of TFLite's has reached 20."""


def operator_name(code: Table) -> tuple[str, bool]:
    """Return the name of an operator code, and whether it is a custom operator.

    Raises FormatError for an invalid code or version, or a custom operator without a name.
    """
    if not 1 <= code.get("version", 1) <= MAX_VERSION:
        raise FormatError(f"its version is {code['version']}")
    numbers = (code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0))
    if min(numbers) < 0:
        raise FormatError(f"its code is {min(numbers)}")
    # Old files have only the 8-bit field. New ones have both, with 127 in the old field for
    # codes that do not fit it, so that the larger number is always the right one.
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
    names = vars(schema_class("BuiltinOperator")).items()
    return {number: name for name, number in names if isinstance(number, int)}


def read_options(data: bytes, table: Table) -> Any:
    """Return a verified table of options as an instance of the ``tflite`` package's class.

    Returns None if the package, which is older than the schema, lacks the class.
    """
    options_class = schema_class(table.type)
    if options_class is None:
        return None
    options = options_class()
    options.Init(data, table.at)
    return options


@cache
def schema_class(name: str) -> Any:
    """Return a class of the ``tflite`` package, or None if there is none of this name."""
    # Each class has a module of its own, which imports no other. ``import tflite.NAME`` would
    # first run the package's __init__, which imports all 184 of them and takes as long as
    # reading a model does. Hence the module is located and executed without the package.
    package = find_spec("tflite")
    assert package is not None, "a dependency of this package"
    path = package.submodule_search_locations
    spec = PathFinder.find_spec(f"tflite.{name}", path)
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)
