"""MediaPipe's own runtime as a reference: it alone has kernels for its custom operators.

It runs in an environment of its own; see ``parity.reference.environment``. Its graphs feed a
model only images of 8 bits, so the model that runs is a copy that decodes its float32 inputs
from such an image.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Literal

import numpy as np

from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.parity.reference.editing import GRID, ByteFed
from tflite2torch.parity.reference.environment import INSTALL, reference_python
from tflite2torch.parity.reference.interpreter import Kernels, Reference, TensorInfo
from tflite2torch.parity.reference.process import ROOT, Limits, plain_line
from tflite2torch.parity.reference.wire import Array, Message

START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from tflite2torch.parity.reference.mediapipe_worker import main; main()"
)
"""Appends to the path: packages next to this one may be for another version of Python."""


class MediaPipeReference(Reference):
    """A model loaded by MediaPipe's runtime with one kernel set, on one thread.

    There are no reference kernels: ``builtin`` is TFLite's own optimized ones, ``xnnpack``
    puts the XNNPACK delegate before them.

    Input values must be below 65536; those below 2**-17 are rounded to multiples of 2**-40.
    Every run checks that TFLite decoded the values that were given.

    Args:
        data: bytes of a ``.tflite`` file.
        kernels: which kernels run it.
        model: the parsed file, if there is one; otherwise the bytes are parsed.
        label: how messages name the model.
        limits: what it may take before it is stopped.

    Raises:
        InvalidModelError: the file had to be read, and is broken.
        ReferenceFailedError: there is no environment, the model has inputs or outputs other
            than float32, or the runtime refuses it or ends.
    """

    runtime = "MediaPipe"
    install = INSTALL

    def __init__(
        self,
        data: bytes,
        kernels: Literal["builtin", "xnnpack"],
        model: TfliteModel | None = None,
        *,
        label: str = "model",
        limits: Limits | None = None,
    ) -> None:
        self._model = model
        super().__init__(data, kernels, label=label, limits=limits)

    @classmethod
    def unavailable(cls) -> str:
        python = reference_python()
        if python.is_file() and os.access(python, os.X_OK):
            return ""
        return f"MediaPipe's runtime is not installed: there is no {python}; {cls.install}"

    def command(self) -> list[str]:
        return [str(reference_python()), "-I", "-c", START, str(ROOT)]

    def stream(self, inputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
        for tensor, array in zip(self.inputs, inputs, strict=True):
            if (array.shape, array.dtype.name) != (tensor.shape, tensor.dtype):
                raise self._child.failure(f"takes no {array.dtype} {array.shape} as {tensor}")
        try:
            image = self._fed.image(inputs)
        except ValueError as error:
            raise self._child.failure(f"cannot be given {error}") from error
        self._child.send(Message(arrays={0: image}))
        return self._decoded(inputs)

    def _decoded(self, inputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
        """Yield the outputs; check the decoded inputs, which the worker sends before them."""
        # The decoded inputs may differ from those given by the rounding to the grid only. More
        # would mean that MediaPipe has scaled or converted the image on its way.
        wanted = [*self.inputs, *self.outputs]
        answers = self._child.answers()
        seen: set[int] = set()
        for number, (tensor, found) in enumerate(zip_longest(wanted, answers)):
            if found is None or tensor is None or found[1].size != _size(tensor):
                declared = tensor or "what it declared"
                raise self._child.failure(f"answered with something else than {declared}")
            array = found[1].reshape(tensor.shape)
            if number >= len(inputs):
                if tensor.index not in seen:
                    yield tensor.index, array
                seen.add(tensor.index)
            elif np.abs(inputs[number] - array).max(initial=0) > GRID / 2:
                raise self._child.failure("did not see the numbers that it was given")

    def _load(self, data: bytes, kernels: Kernels) -> None:
        read = self._model or read_model(ModelFile("model", self._place, data))
        self.inputs = tuple(info(read, index) for index in read.inputs)
        self.outputs = tuple(info(read, index) for index in read.outputs)
        self.delegated = kernels == "xnnpack"
        if {t.dtype for t in (*self.inputs, *self.outputs)} != {"float32"}:
            raise self._child.failure("takes and gives float32 numbers only")
        self._fed = ByteFed(data, [tensor.shape for tensor in self.inputs])
        height, width = self._fed.size
        fields = {
            "kernels": kernels,
            "height": height,
            "width": width,
            "outputs": len(self.inputs) + len(self.outputs),
        }
        content = np.frombuffer(self._fed.model, np.uint8)
        facts = self._child.ask(Message(fields, {0: content}))
        self.version = plain_line(str(facts.get("version")))


def info(model: TfliteModel, index: int) -> TensorInfo:
    """Return a tensor as an interpreter would declare it."""
    tensor = model.tensors[index]
    return TensorInfo(index, tensor.shape, tensor.dtype)


def _size(tensor: TensorInfo) -> int:
    return math.prod(tensor.shape)
