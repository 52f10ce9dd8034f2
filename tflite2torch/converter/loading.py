"""Loads the module of a conversion. Needs torch, so that it is imported only on use."""

from __future__ import annotations

import hashlib
import sys
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

import safetensors.torch
from torch import nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.writer.safety import check_source
from tflite2torch.converter.writer.weights import serialize_weights

PACKAGE = "tflite2torch.loaded"
"""What the names of imported modules begin with; no folder has it."""


def load_module(conversion: Conversion) -> nn.Module:
    """Return a converted model as a module with its weights, in ``eval`` mode.

    It imports the emitted source and reads the bytes of the weights file: the result is that
    of importing and loading what ``convert`` writes.
    """
    imported = import_source(conversion.source, conversion.name)
    module: nn.Module = getattr(imported, conversion.class_name)()
    arrays = {key: value.array for key, value in conversion.state.items()}
    module.load_state_dict(safetensors.torch.load(serialize_weights(arrays)))
    return module.eval()


def import_source(source: str, name: str) -> ModuleType:
    """Import emitted source as Python imports a file, and return its Python module.

    The module stays in ``sys.modules``, where pickle looks its classes up, under a name that
    follows from the source: the same source is imported once, and has the same classes
    however often it is loaded. What pickle writes can be read where that source was loaded.

    Raises UnsafeSourceError for what the writer never prints, before anything of it runs.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    full_name = f"{PACKAGE}.{name}_{digest}"
    if full_name not in sys.modules:
        check_source(source)
        loader = _SourceLoader(full_name, source)
        spec = spec_from_loader(full_name, loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        # Only complete modules are entered, and where two threads race, one for both.
        sys.modules.setdefault(full_name, module)
    return sys.modules[full_name]


class _SourceLoader(ExecutionLoader):
    """Runs source that is on no disk, and has it for tracebacks, inspect and torch.jit."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source

    def get_filename(self, fullname: str) -> str:
        """Return what tracebacks call it. In <> they would not ask for its source."""
        return f"{self.name}.py"

    def get_source(self, fullname: str) -> str:
        return self.source
