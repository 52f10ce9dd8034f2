"""Runs batches through a module, as a whole or operation by operation."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from tflite2torch.converter.graph.value import Array, Value
from tflite2torch.parity.align.called import Called
from tflite2torch.parity.align.elsewhere import Elsewhere
from tflite2torch.parity.align.folded import Folded
from tflite2torch.parity.align.follow import Follower
from tflite2torch.parity.align.in_order import InOrder
from tflite2torch.parity.align.lockstep import Step, in_double, in_type, run_in_lockstep
from tflite2torch.parity.align.trace import Trace
from tflite2torch.parity.align.values import expected
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.options import Options


class Runner:
    """A module, ready to run in its own type and in float64.

    Args:
        module: in eval mode, in float32; it is left as it is.
        interface: of the module.
        trace: its operations.
        folded: the nodes of the unfused graph to evaluate on its values.
        options: of the comparison: in which type, form, and on which device it computes.

    Attributes:
        module: the module in its own type.
        double: the module in float64.
        names: of its outputs.
    """

    def __init__(
        self,
        module: nn.Module,
        interface: Interface,
        trace: Trace,
        folded: Sequence[Folded],
        options: Options,
    ) -> None:
        self._dtype: torch.dtype = getattr(torch, options.dtype)
        narrow = options.dtype != "float32"
        self.module = copy.deepcopy(module).to(self._dtype) if narrow else module
        self._called = self.module
        if options.elsewhere:
            self._called = Elsewhere(self.module, options.form, options.device)
        self.double = in_double(module)
        self._interface = interface
        self._trace = trace
        self._folded = folded
        self.names = [value.name for value in trace.layers[-1].values]

    def inputs(self, samples: Sequence[Sequence[Array]]) -> list[Tensor]:
        """Return samples, each an array for each input, as one batch."""
        return [torch.from_numpy(array) for array in self._interface.stack(samples)]

    def own(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return inputs in the type that the module computes in."""
        return [in_type(x, self._dtype) for x in inputs]

    def call(self, inputs: Sequence[Tensor]) -> Called:
        """Call the module as a whole."""
        return Called(self._called, self.own(inputs), self.names)

    def whole(self, called: Called, inputs: Sequence[Tensor], *, exact: bool) -> Step:
        """Return the outputs of a call as the results of one operation."""
        found: tuple[Tensor, ...] = ()
        if exact:
            doubles = [in_type(x, torch.float64) for x in inputs]
            found = Called(self.double, doubles, self.names).outputs
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
        double = self.double if exact else None
        return self._steps(self.module, double, inputs, answers, self._dtype, None)

    def thrice(
        self, inputs: Sequence[Tensor], answers: Sequence[Mapping[int, Array]]
    ) -> Iterator[tuple[Step, Step, Step]]:
        """Yield the same as ``steps`` of three runs side by side.

        They are of the module as it is; of it in float64, as a module of its own; and with sums
        in TFLite's order, which makes a difference in float32 alone.
        """
        dtype, wide = self._dtype, torch.float64
        return zip(
            self._steps(self.module, None, inputs, answers, dtype, None),
            self._steps(self.double, None, inputs, answers, wide, None),
            self._steps(self.module, None, inputs, answers, dtype, InOrder()),  # type: ignore[no-untyped-call]
            strict=False,  # a run ends where an operation raises
        )

    def _steps(
        self,
        module: nn.Module,
        double: nn.Module | None,
        inputs: Sequence[Tensor],
        answers: Sequence[Mapping[int, Array]],
        dtype: torch.dtype,
        kernels: InOrder | None,
    ) -> Iterator[Step]:
        def reference(value: Value) -> Tensor:
            return torch.from_numpy(expected(value, answers))

        follower = Follower(self._folded, reference, dtype)
        yield from follower.begin(self._interface.inputs, inputs)
        for step in run_in_lockstep(module, double, self._trace, inputs, reference, dtype, kernels):
            yield step
            yield from follower.after(step)
