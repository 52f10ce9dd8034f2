"""Runtimes of one's own in place of TFLite's, which do what they are told when they run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tflite2torch.parity.reference.environment import PYTHON
from tflite2torch.parity.reference.process import ROOT

INTERPRETER = """
import enum, os, signal, sys, time
import numpy as np


class OpResolverType(enum.Enum):
    BUILTIN_REF = BUILTIN_WITHOUT_DEFAULT_DELEGATES = BUILTIN = 0


class Interpreter:
    answer = np.ones({output}, np.float32)

    def __init__(self, **options):
        print("chatter on standard output", flush=True)

    def allocate_tensors(self): pass
    def set_tensor(self, index, value): pass
    def _get_ops_details(self): return []

    def get_input_details(self):
        return [dict(index=0, shape=np.int32({input}), dtype=np.float32)]

    def get_output_details(self):
        return [dict(index={tensor}, shape=np.int32({output}), dtype=np.float32)]

    def tensor(self, index): return lambda: self.answer

    def invoke(self):
        {invoke}
"""

RUNTIME = """#!{python}
import os, signal, sys, time
import numpy as np
sys.argv = [sys.argv[0], sys.argv[-1]]  # the limit of memory comes last
sys.path.append({root!r})
from tflite2torch.parity.reference import mediapipe_worker


class Runtime:
    def __init__(self, request): pass

    def run(self, image):
        self.answer = np.ones({output}, np.float32)
        {invoke}
        return [np.zeros({input}, np.float32), self.answer]


mediapipe_worker.metadata.version = lambda package: "0"
mediapipe_worker.Runtime = Runtime
mediapipe_worker.main()
"""

MODULES = {
    "litert": "ai_edge_litert/interpreter.py",
    "tensorflow": "tensorflow/lite/python/interpreter.py",
}

Shape = tuple[int, ...]
Install = Callable[..., None]


class Fakes:
    """Installs runtimes for the length of a test.

    Args:
        folder: where they are put.
        monkeypatch: what takes them away again.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def interpreter(
        self,
        invoke: str,
        backend: str = "litert",
        *,
        source: str = INTERPRETER,
        input: Shape = (1, 2),
        output: Shape = (1, 2),
        tensor: int = 1,
    ) -> None:
        """Put an interpreter in place of LiteRT's or TensorFlow's.

        Args:
            invoke: a statement, what it does when it runs.
            backend: a name that ``--reference`` takes.
            source: of its module.
            input: the shape of its only input.
            output: that of its only output.
            tensor: the index of that.
        """
        path = self._folder / MODULES[backend]
        path.parent.mkdir(parents=True)
        for folder in path.parents:
            if folder == self._folder:
                break
            (folder / "__init__.py").write_text("__version__ = '0'")
        for name, value in (("input", input), ("output", output), ("tensor", tensor)):
            source = source.replace(f"{{{name}}}", str(value))
        path.write_text(source.replace("{invoke}", invoke))
        self._monkeypatch.setenv("PYTHONPATH", str(self._folder))
        if backend != "litert":  # whose schema the tests' own process needs
            self._monkeypatch.syspath_prepend(self._folder)

    def mediapipe(self, invoke: str, input: Shape, output: Shape) -> None:
        """Put a runtime in place of MediaPipe's."""
        path = self._folder / "python"
        facts = {"python": sys.executable, "root": str(ROOT), "invoke": invoke}
        path.write_text(RUNTIME.format(**facts, input=input, output=output))
        path.chmod(0o755)
        self._monkeypatch.setenv(PYTHON, str(path))
