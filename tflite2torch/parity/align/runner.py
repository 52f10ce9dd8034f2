"""Runs batches through a module, as a whole or operation by operation."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from tflite2torch.converter.graph.value import Array, Value
from tflite2torch.parity.align.called import Called
from tflite2torch.parity.align.folded import Folded
from tflite2torch.parity.align.follow import Follower
from tflite2torch.parity.align.lockstep import Step, in_double, in_type, run_in_lockstep
from tflite2torch.parity.align.trace import Trace
from tflite2torch.parity.align.values import expected
from tflite2torch.parity.inputs.interface import Interface


class Runner:
    """A module, ready to run in its own type and in float64.

    Args:
        module: in eval mode, in float32; it is left as it is.
        interface: of the module.
        trace: its operations.
        folded: the nodes of the unfused graph to evaluate on its values.
        dtype: name of the floating type that it computes in.

    Attributes:
        module: the module in its own type.
        double: the module in float64.
    """

    def __init__(
        self,
        module: nn.Module,
        interface: Interface,
        trace: Trace,
        folded: Sequence[Folded],
        dtype: str,
    ) -> None:
        self._dtype: torch.dtype = getattr(torch, dtype)
        narrow = dtype != "float32"
        self.module = copy.deepcopy(module).to(self._dtype) if narrow else module
        self.double = in_double(module)
        self._interface = interface
        self._trace = trace
        self._folded = folded
        self._names = [port.name for port in interface.outputs]

    def inputs(self, samples: Sequence[Sequence[Array]]) -> list[Tensor]:
        """Return samples, each an array for each input, as one batch."""
        return [torch.from_numpy(array) for array in self._interface.stack(samples)]

    def own(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return inputs in the type that the module computes in."""
        return [in_type(x, self._dtype) for x in inputs]

    def call(self, inputs: Sequence[Tensor]) -> Called:
        """Call the module as a whole."""
        return Called(self.module, self.own(inputs), self._names)

    def whole(self, called: Called, inputs: Sequence[Tensor], *, exact: bool) -> Step:
        """Return the outputs of a call as the results of one operation."""
        found: tuple[Tensor, ...] = ()
        if exact:
            doubles = [in_type(x, torch.float64) for x in inputs]
            found = Called(self.double, doubles, self._names).outputs
        return Step(self._trace.layers[-1], called.outputs, (), found, "")

    def steps(
        self, inputs: Sequence[Tensor], answers: Sequence[Mapping[int, Array]], *, exact: bool
    ) -> Iterator[Step]:
        """Yield the results of every operation, and folded tensors as soon as they follow.

        Args:
            inputs: of the module, batch first.
            answers: for each sample TFLite's tensors by their index, inputs included.
            exact: whether it runs in float64 too.
        """

        def reference(value: Value) -> Tensor:
            return torch.from_numpy(expected(value, answers))

        follower = Follower(self._folded, reference, self._dtype)
        yield from follower.begin(self._interface.inputs, inputs)
        double = self.double if exact else None
        for step in run_in_lockstep(
            self.module, double, self._trace, inputs, reference, self._dtype
        ):
            yield step
            yield from follower.after(step)
