"""The TFLite interpreter as a reference, in a process of its own.

A model file may make the interpreter crash, hang or take gigabytes. Here that ends in a
ReferenceFailedError that says what happened, never in the end of the calling process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, cast

import numpy as np

from converter.errors import ReferenceFailedError
from parity.wire import Array, Message, WireError, receive, send

Kernels = Literal["reference", "builtin", "xnnpack"]
KERNELS: tuple[Kernels, ...] = ("reference", "builtin", "xnnpack")
"""OpResolverType BUILTIN_REF, BUILTIN_WITHOUT_DEFAULT_DELEGATES and BUILTIN, which is the
default and brings the XNNPACK delegate."""

INSTALL = 'pip install "tflite2torch[parity]"'
WITHOUT = "convert --no-verify goes without a reference"

ROOT = Path(__file__).resolve().parents[1]
"""The folder that this package is in."""


@dataclass(frozen=True)
class Limits:
    """What a reference may take: seconds for each answer, bytes of address space."""

    seconds: float = 60.0
    memory: int = 2 << 30


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the interpreter declares it."""

    index: int
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, index: int, array: Array) -> TensorInfo:
        """Return what ``array`` would be declared as."""
        return cls(index, array.shape, array.dtype.name)

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)} for tensor {self.index}"


class Reference:
    """A model loaded by the interpreter with one kernel set, on one thread.

    Args:
        model: bytes of a ``.tflite`` file.
        kernels: which implementation of the operators runs it.
        label: how messages name the model.
        limits: what it may take before it is stopped.

    Attributes:
        inputs: the inputs, in the file's order.
        outputs: the outputs, in the file's order.
        delegated: whether a delegate runs a part of the model. With ``xnnpack`` that is
            XNNPACK, and False means that it took none of the model's operators.
        process_id: of the process that runs it.

    Raises:
        ReferenceFailedError: where the interpreter is missing, refuses the model or ends.
    """

    runtime = "TFLite"
    install = INSTALL

    def __init__(
        self,
        model: bytes,
        kernels: Kernels,
        *,
        label: str = "model",
        limits: Limits | None = None,
    ) -> None:
        self._place = f"{label}: {self.runtime}, {kernels} kernels"
        self._limits = limits or Limits()
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            try:
                self._child = _start(
                    [*self.command(), str(self._limits.memory)], self._log
                )
            except OSError as error:
                raise self._failure(f"cannot start a process ({error})") from error
            stack.callback(self._end)
            self.process_id = self._child.pid
            self._load(model, kernels)
            self._resources = stack.pop_all()

    def run(self, inputs: Sequence[Array]) -> dict[int, Array]:
        """Return what the model gives for ``inputs``, by the index of the TFLite tensor.

        Args:
            inputs: one array for each input in the file's order, in TFLite's own shape.

        Raises:
            ReferenceFailedError: where it crashes, hangs, refuses the inputs, or gives
                outputs of another shape or dtype than it declared.
        """
        indices = [tensor.index for tensor in self.inputs]
        reply = self._ask(Message(arrays=dict(zip(indices, inputs, strict=True))))
        for tensor in self.outputs:
            array = reply.arrays.get(tensor.index)
            if array is None or TensorInfo.of(tensor.index, array) != tensor:
                raise self._failure(f"answered with something else than {tensor}")
        return dict(reply.arrays)

    def command(self) -> list[str]:
        """Return what starts the process, but for its limit of memory."""
        return [sys.executable, "-m", "parity.worker"]

    def close(self) -> None:
        """End the process."""
        self._resources.close()

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
        facts = self._ask(Message({"kernels": kernels}, {0: content})).fields
        try:
            self.inputs = tuple(_tensor(*entry) for entry in facts["inputs"])
            self.outputs = tuple(_tensor(*entry) for entry in facts["outputs"])
            self.delegated = bool(facts["delegated"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._failure(f"described the model wrongly ({error})") from error

    def _end(self) -> None:
        self._child.kill()
        self._child.communicate()

    def _ask(self, message: Message) -> Message:
        seconds = self._limits.seconds
        timer = threading.Timer(seconds, self._child.kill)
        started = time.monotonic()
        timer.start()
        try:
            send(cast(IO[bytes], self._child.stdin), message)
            reply = receive(cast(IO[bytes], self._child.stdout), self._limits.memory)
        except (EOFError, OSError) as error:
            if time.monotonic() - started >= seconds:
                raise self._failure(f"gave no answer within {seconds:g} s") from error
            raise self._failure(self._ending()) from error
        except WireError as error:
            raise self._failure(f"answered with {error}") from error
        finally:
            timer.cancel()
        if "error" in reply.fields:
            raise self._failure(self._refusal(reply))
        return reply

    def _refusal(self, reply: Message) -> str:
        kind, text = str(reply.fields["error"]), str(reply.fields.get("message"))
        memory = f"its limit of {self._limits.memory >> 20} MiB of memory"
        if kind in ("ImportError", "ModuleNotFoundError"):
            return f"{self.runtime} cannot be imported ({_line(text)}); {self.install}"
        if kind == "MemoryError":
            return f"ran into {memory}"
        return _line(text) or f"refused the model, perhaps because of {memory}"

    def _ending(self) -> str:
        code = self._child.wait()
        self._log.seek(0)
        log = self._log.read().decode(errors="replace").strip().splitlines()
        lines = [line for line in log if not line.startswith(("INFO:", "WARNING:"))]
        said = f" ({_line(lines[-1])})" if lines else ""
        if code >= 0:
            return f"ended with exit code {code}{said}"
        return f"was ended by {signal.Signals(-code).name}{said}"

    def _failure(self, reason: str) -> ReferenceFailedError:
        remedy = "" if self.install in reason else f"; {WITHOUT}"
        return ReferenceFailedError(f"{self._place}: {reason}{remedy}")


def _start(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # Every thread of a BLAS reserves address space, which the memory limit counts.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=ROOT,
        env={**os.environ, **single},
    )


def _tensor(index: int, shape: Sequence[int], dtype: str) -> TensorInfo:
    return TensorInfo(int(index), tuple(int(size) for size in shape), str(dtype))


def _line(text: str) -> str:
    """Return what a stranger's file made the interpreter say as one short, plain line."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[:300]
