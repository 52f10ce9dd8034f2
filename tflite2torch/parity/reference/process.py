"""A child process that answers messages.

It may crash, hang, be killed or ask for gigabytes: the caller gets a ReferenceFailedError with one
line on what happened.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.parity.reference.wire import (
    Array,
    Entry,
    Message,
    WireError,
    read_array,
    receive_header,
    send,
)

ROOT = Path(__file__).resolve().parents[3]
"""The folder that the package ``tflite2torch`` is in."""

IDLE = 0.01
"""A process that uses a smaller share of its time hangs."""

SOON = 0.05
"""Seconds between two looks at a process whose time is nearly over."""

WITHOUT = "take another --reference; convert --no-verify goes without one"


@dataclass(frozen=True)
class Limits:
    """What a reference may take.

    Attributes:
        seconds: of processor time for each answer, where the system tells that, so that other
            programs do not count; elsewhere of time. One that does next to nothing for so long
            hangs.
        memory: bytes of address space.
    """

    seconds: float = 60.0
    memory: int = 2 << 30


class Child:
    """A worker process, such as ``parity.reference.worker``.

    Args:
        command: starts it; its memory limit is appended.
        runtime: the name of what it runs, for messages.
        install: how to install that, for messages.
        place: the beginning of messages.
        limits: what it may take before it is stopped.

    Attributes:
        process_id: its process id.

    Raises:
        ReferenceFailedError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        runtime: str,
        install: str,
        place: str,
        limits: Limits,
    ) -> None:
        self._runtime, self._install, self._place = runtime, install, place
        self._limits = limits
        self._overran = False
        self._scratch = np.empty(0, np.uint8)
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            try:
                self._process = _start([*command, str(limits.memory)], self._log)
            except OSError as error:
                raise self.failure(f"cannot start a process ({error})") from error
            stack.callback(self._end)
            self.process_id = self._process.pid
            self._resources = stack.pop_all()

    def ask(self, message: Message) -> dict[str, Any]:
        """Send a message; return the fields of the answer, which has no arrays.

        Raises what ``answers`` does.
        """
        self.send(message)
        with self._watched():
            fields, _ = self._header()
        return fields

    def send(self, message: Message) -> None:
        """Send a message; ``answers`` yields the answer to it.

        Raises ReferenceFailedError where the process does not take it.
        """
        with self._watched():
            send(cast(IO[bytes], self._process.stdin), message)

    def answers(self) -> Iterator[tuple[Entry, Array]]:
        """Yield the arrays of the next message; each is overwritten by the next one.

        Raises ReferenceFailedError where no answer comes in time, or one that is no message.
        """
        # All arrays share one buffer: the answer may be all activations of a model. If the
        # caller stops early, the rest of the answer would be read as the next one, so the
        # process is ended.
        finished = False
        try:
            with self._watched():
                _, entries = self._header()
                largest = max((entry.size for entry in entries), default=0)
                if largest > len(self._scratch):
                    self._scratch = np.empty(largest, np.uint8)
                stream = cast(IO[bytes], self._process.stdout)
                for entry in entries:
                    yield entry, read_array(stream, entry, self._scratch)
            finished = True
        finally:
            if not finished:
                self._process.kill()

    def failure(self, reason: str) -> ReferenceFailedError:
        """Return the error for a reason, with a remedy."""
        remedy = "" if self._install in reason else f"; {WITHOUT}"
        return ReferenceFailedError(f"{self._place}: {reason}{remedy}")

    def close(self) -> None:
        """End the process."""
        self._resources.close()

    def _header(self) -> tuple[dict[str, Any], list[Entry]]:
        stream = cast(IO[bytes], self._process.stdout)
        fields, entries = receive_header(stream, self._limits.memory)
        if "error" in fields:
            raise self.failure(self._refusal(fields))
        return fields, entries

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Kill the process when its time is over; raise with the reason if it has ended."""
        done = threading.Event()
        threading.Thread(target=self._watch, args=[done], daemon=True).start()
        try:
            yield
        except (EOFError, OSError) as error:
            raise self.failure(self._ending()) from error
        except WireError as error:
            raise self.failure(f"answered with {error}") from error
        finally:
            done.set()

    def _watch(self, done: threading.Event) -> None:
        """Kill the process unless the event is set in time."""
        limit = wait = self._limits.seconds
        started, before = time.monotonic(), processor_seconds(self.process_id)
        while not done.wait(wait):
            passed, now = time.monotonic() - started, processor_seconds(self.process_id)
            used = passed if before is None or now is None else now - before
            if used >= limit or used < IDLE * passed:
                self._overran = True
                self._process.kill()
                return
            wait = max(limit - used, SOON)

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _refusal(self, fields: dict[str, Any]) -> str:
        kind, text = str(fields["error"]), plain_line(str(fields.get("message")))
        memory = f"its limit of {self._limits.memory >> 20} MiB of memory"
        if kind in ("ImportError", "ModuleNotFoundError"):
            return f"{self._runtime} cannot be imported ({text}); {self._install}"
        if kind == "MemoryError":
            return f"ran into {memory}"
        return text or f"refused the model, perhaps because of {memory}"

    def _ending(self) -> str:
        if self._overran:
            return f"gave no answer within {self._limits.seconds:g} s; see --time-limit"
        code = self._process.wait()
        self._log.seek(0)
        log = self._log.read().decode(errors="replace").strip().splitlines()
        lines = [line for line in log if not line.startswith(("INFO:", "WARNING:"))]
        detail = f" ({plain_line(lines[-1])})" if lines else ""
        if code >= 0:
            return f"ended with exit code {code}{detail}"
        return f"was ended by {signal.Signals(-code).name}{detail}"


def processor_seconds(process_id: int) -> float | None:
    """Return the processor time that a process has used; None where the system tells none."""
    try:
        text = Path(f"/proc/{process_id}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):  # no Linux, or the process has ended
        return None


def _start(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # Every thread of a BLAS reserves address space, which counts against the memory limit.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=ROOT,
        env={**os.environ, **single},
    )


def plain_line(text: str) -> str:
    """Return text as one short, printable line: it may come from an untrusted file."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[:300]
