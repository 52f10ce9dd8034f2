"""Runs a module in another form, or on another device."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tflite2torch.parity.align.foreign.adapter import Adapter
from tflite2torch.parity.align.silence import silent

Call = Callable[..., Any]


class Elsewhere(nn.Module):
    """A module that is called in another form, or on another device, and answers on the CPU.

    The forms are those of ``torch.compile``, of ``torch.export`` with a free batch, and ONNX in
    onnxruntime.

    It is brought there at the first call, whose inputs are the example that it is exported with.

    Args:
        module: in eval mode, in the type that it computes in; it is left as it is.
        form: one of ``parity.options.FORMS``, or empty.
        device: such as ``cuda``.
    """

    def __init__(self, module: nn.Module, form: str, device: str) -> None:
        super().__init__()
        self._form, self._device = form, device
        self._module = copy.deepcopy(module).to(device)
        self._called: Call | None = None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, a tuple of tensors on the CPU."""
        there = [x.to(self._device) for x in inputs]
        if self._called is None:
            self._called = self._brought(there)
        answer = self._called(*there)
        outputs = answer if isinstance(answer, (tuple, list)) else (answer,)
        return tuple(x.cpu() for x in outputs)

    def _brought(self, inputs: Sequence[Tensor]) -> Call:
        if not self._form:
            return self._module
        if self._form == "compiled":
            torch.compiler.reset()  # of what was compiled for other models
            return torch.compile(self._module)
        # An example of one sample would be taken for a network that takes one alone.
        example = tuple(torch.cat([x, x]) if len(x) == 1 else x.clone() for x in inputs)
        batch = torch.export.Dim("batch")
        shapes: tuple[Any, ...] = tuple({0: batch} for _ in example)
        if isinstance(self._module, Adapter):
            shapes = (shapes,)  # it takes ``*inputs``: one argument, as exporting sees it
        with torch.inference_mode(False), silent():
            if self._form == "exported":
                program = torch.export.export(self._module, example, dynamic_shapes=shapes)
                return program.module()
            return _in_onnxruntime(self._module, example, shapes)


def _in_onnxruntime(
    module: nn.Module, example: tuple[Tensor, ...], shapes: tuple[Any, ...]
) -> Call:
    import onnxruntime

    program = torch.onnx.export(
        module, example, dynamo=True, dynamic_shapes=shapes, verbose=False, external_data=False
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gives nothing")
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [node.name for node in session.get_inputs()]

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        fed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        return tuple(map(torch.from_numpy, session.run(None, fed)))

    return call
