"""A model that TFLite's interpreter runs in a process of its own, LiteRT's or TensorFlow's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import zip_longest
from types import TracebackType
from typing import ClassVar, Literal

import numpy as np

from tflite2torch.converter.errors import ReferenceMissingError
from tflite2torch.parity.reference.process import Child, Limits, plain_line
from tflite2torch.parity.reference.wire import Array, Entry, Message

Kernels = Literal["reference", "builtin", "xnnpack", "resummed"]
KERNELS: tuple[Kernels, ...] = ("reference", "builtin", "xnnpack")
"""OpResolverType BUILTIN_REF, BUILTIN_WITHOUT_DEFAULT_DELEGATES and BUILTIN, which is the
default and brings the XNNPACK delegate. ``resummed`` are the reference kernels on a copy of the
model whose sums are taken in another order."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the interpreter declares it."""

    index: int
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, entry: Entry) -> TensorInfo:
        """Return the description of an array that a worker announces."""
        return cls(entry.index, entry.shape, entry.dtype.name)

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)} for tensor {self.index}"


class Reference:
    """A model loaded by LiteRT's interpreter with one kernel set, on one thread.

    References of other runtimes derive from it.

    Args:
        model: bytes of a ``.tflite`` file.
        kernels: the kernel set that runs it.
        label: how messages name the model.
        limits: what it may take before it is stopped.

    Attributes:
        inputs: the inputs, in the file's order.
        outputs: the outputs, in the file's order.
        delegated: whether a delegate, XNNPACK, runs some of the model's operators.
        version: of the runtime.
        process_id: of the process that runs it.

    Raises:
        ReferenceMissingError: the interpreter is not installed.
        ReferenceFailedError: it refuses the model, or crashes.
    """

    runtime: ClassVar[str] = "LiteRT"
    module: ClassVar[str] = "ai_edge_litert.interpreter"
    package: ClassVar[str] = "ai-edge-litert"
    install: ClassVar[str] = 'pip install "tflite2torch[parity]"'

    def __init__(
        self,
        model: bytes,
        kernels: Kernels,
        *,
        label: str = "model",
        limits: Limits | None = None,
    ) -> None:
        self._place = f"{label}: {self.runtime}, {kernels} kernels"
        if reason := self.unavailable():
            raise ReferenceMissingError(f"{self._place}: {reason}")
        self._child = Child(
            self.command(),
            runtime=self.runtime,
            install=self.install,
            place=self._place,
            limits=limits or Limits(),
        )
        self.process_id = self._child.process_id
        try:
            self._load(model, kernels)
        except BaseException:
            self.close()
            raise

    def run(self, inputs: Sequence[Array]) -> dict[int, Array]:
        """Return the model's outputs for ``inputs``, by the index of the TFLite tensor.

        Args:
            inputs: one array for each input in the file's order, in TFLite's own shape.

        Raises:
            ReferenceFailedError: it crashes, hangs, refuses the inputs, or gives outputs
                of another shape or dtype than it declared.
        """
        return {index: array.copy() for index, array in self.stream(inputs)}

    def stream(self, inputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
        """Start a run; return an iterator over the outputs, in the file's order.

        An array is overwritten by the next one. The iterator has to be exhausted before the
        next run. It raises what ``run`` does.
        """
        # The message is sent here and not in the iterator, so that several kernel sets compute
        # at the same time before the first answer is read.
        indices = [tensor.index for tensor in self.inputs]
        self._child.send(Message(arrays=dict(zip(indices, inputs, strict=True))))
        return self._outputs()

    @classmethod
    def unavailable(cls) -> str:
        """Return why the runtime cannot be used, and what mends that; empty if it can."""
        if find_spec(cls.module.partition(".")[0]) is not None:
            return ""
        return f"{cls.package} is not installed; {cls.install}"

    def command(self) -> list[str]:
        """Return the command that starts the worker, without its memory limit."""
        return [
            sys.executable,
            "-m",
            "tflite2torch.parity.reference.worker",
            self.module,
        ]

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def __enter__(self) -> Reference:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _load(self, model: bytes, kernels: Kernels) -> None:
        content = np.frombuffer(model, np.uint8)
        facts = self._child.ask(Message({"kernels": kernels}, {0: content}))
        try:
            self.inputs = tuple(_tensor(*entry) for entry in facts["inputs"])
            self.outputs = tuple(_tensor(*entry) for entry in facts["outputs"])
            self.delegated = bool(facts["delegated"])
            self.version = plain_line(str(facts["version"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._child.failure(f"described the model wrongly ({error})") from error

    def _outputs(self) -> Iterator[tuple[int, Array]]:
        wanted = dict.fromkeys(self.outputs)
        for tensor, found in zip_longest(wanted, self._child.answers()):
            if found is None or tensor != TensorInfo.of(found[0]):
                declared = tensor or "what it declared"
                raise self._child.failure(f"answered with something else than {declared}")
            yield found[0].index, found[1]


class TensorFlowReference(Reference):
    """The same with TensorFlow's ``tf.lite.Interpreter``."""

    runtime = "TensorFlow"
    module = "tensorflow.lite.python.interpreter"
    package = "tensorflow"
    install = "pip install tensorflow-cpu, or take another --reference"


def _tensor(index: int, shape: Sequence[int], dtype: str) -> TensorInfo:
    return TensorInfo(int(index), tuple(int(size) for size in shape), str(dtype))
