"""MediaPipe's own runtime as a reference: it alone has kernels for its custom operators.

It lives in an environment of its own, which ``make reference`` makes: the last version that
carries the models needs NumPy 1. Its graphs feed a model with nothing but images of 8 bits,
so that what runs is a copy of the model that decodes its inputs from such an image.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from converter.reader.model import Tensor, read_model
from converter.reader.sources import ModelFile
from parity.edit import GRID, ByteFed
from parity.reference import ROOT, Kernels, Limits, Reference, TensorInfo
from parity.wire import Array, Message

PYTHON = "TFLITE2TORCH_REFERENCE_PYTHON"
"""Names the Python of the environment; without it, that of ``make reference`` is taken."""

START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from parity.mediapipe_worker import main; main()"
)
"""This package may stand beside others that are not for that Python: it is found last."""


def reference_python() -> Path:
    """Return where the environment's Python is, or belongs."""
    named = os.environ.get(PYTHON)
    return Path(named) if named else ROOT / ".venv-reference" / "bin" / "python"


def unavailable() -> str:
    """Return why MediaPipe's runtime cannot be had, and what mends it; nothing if it can."""
    python = reference_python()
    if python.is_file() and os.access(python, os.X_OK):
        return ""
    return f"there is no {python}; {MediaPipeReference.install}"


class MediaPipeReference(Reference):
    """A model loaded by MediaPipe's runtime with one kernel set, on one thread.

    It takes the place of a ``Reference``. There are no reference kernels: ``builtin`` is
    TFLite's own optimized ones, ``xnnpack`` puts the XNNPACK delegate before them.

    Numbers of the inputs must be below 65536; those below 2**-17 are rounded to multiples
    of 2**-40. With every run it is checked that TFLite has seen the numbers given.

    Raises:
        InvalidModelError: the model is broken.
        ReferenceFailedError: there is no environment, the model has inputs or outputs other
            than float32, or the runtime refuses it or ends.
    """

    runtime = "MediaPipe"
    install = f"make reference, or set {PYTHON} to a Python that has mediapipe==0.10.21"

    def __init__(
        self,
        model: bytes,
        kernels: Literal["builtin", "xnnpack"],
        *,
        label: str = "model",
        limits: Limits | None = None,
    ) -> None:
        super().__init__(model, kernels, label=label, limits=limits)

    def command(self) -> list[str]:
        reason = unavailable()
        if reason:
            raise self._failure(reason)
        return [str(reference_python()), "-I", "-c", START, str(ROOT)]

    def run(self, inputs: Sequence[Array]) -> dict[int, Array]:
        for tensor, array in zip(self.inputs, inputs, strict=True):
            if TensorInfo.of(tensor.index, array) != tensor:
                raise self._failure(f"takes no {array.dtype} {array.shape} as {tensor}")
        try:
            image = self._fed.image(inputs)
        except ValueError as error:
            raise self._failure(f"cannot be given {error}") from error
        reply = self._ask(Message(arrays={0: image})).arrays
        answers: list[Array] = []
        for number, tensor in enumerate([*self.inputs, *self.outputs]):
            answer = reply.get(number)
            if answer is None or answer.size != math.prod(tensor.shape):
                raise self._failure(f"answered with something else than {tensor}")
            answers.append(answer.reshape(tensor.shape))
        for array, seen in zip(inputs, answers, strict=False):
            if np.abs(array - seen).max(initial=0) > GRID / 2:
                raise self._failure("did not see the numbers that it was given")
        outputs = zip(self.outputs, answers[len(inputs) :], strict=True)
        return {tensor.index: answer for tensor, answer in outputs}

    def _load(self, model: bytes, kernels: Kernels) -> None:
        read = read_model(ModelFile("model", self._place, model))
        self.inputs = tuple(_info(read.tensors[index]) for index in read.inputs)
        self.outputs = tuple(_info(read.tensors[index]) for index in read.outputs)
        self.delegated = kernels == "xnnpack"
        if {t.dtype for t in (*self.inputs, *self.outputs)} != {"float32"}:
            raise self._failure("takes and gives float32 numbers only")
        self._fed = ByteFed(model, [tensor.shape for tensor in self.inputs])
        height, width = self._fed.size
        fields = {
            "kernels": kernels,
            "height": height,
            "width": width,
            "outputs": len(self.inputs) + len(self.outputs),
        }
        self._ask(Message(fields, {0: np.frombuffer(self._fed.model, np.uint8)}))


def _info(tensor: Tensor) -> TensorInfo:
    return TensorInfo(tensor.index, tensor.shape, tensor.dtype)
