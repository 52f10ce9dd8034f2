"""The networks of a pipeline: emitted PyTorch modules, or the official files run by LiteRT.

Both are modules that take N inputs in PyTorch's layout and return the file's outputs in order, each
N x K: one row of numbers for each input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.loading import load_module

Networks = Literal["torch", "litert"]
"""Who runs the networks."""

MAX_BATCH = 16
"""Inputs of one call: measured, larger batches take more time for each, and bound no memory."""


class TorchNetwork(nn.Module):
    """An emitted module; it computes in the dtype of its weights."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        layout: Any = torch.channels_last if _has_convolution(module) else torch.contiguous_format
        self.module = module.to(memory_format=layout)  # type: ignore[call-overload]

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the outputs for any number of inputs, at most ``MAX_BATCH`` at once."""
        dtype = next(self.parameters()).dtype
        parts = []
        for batch in torch.split(inputs, MAX_BATCH):
            if batch.ndim == 4:
                batch = batch.contiguous(memory_format=torch.channels_last)
            outputs = self.module(batch.to(dtype))
            outputs = [outputs] if isinstance(outputs, Tensor) else outputs
            parts.append([output.flatten(1).to(inputs.dtype) for output in outputs])
        return [torch.cat(column) for column in zip(*parts, strict=True)]


class LiteRTNetwork(nn.Module):
    """A model file in LiteRT, as MediaPipe runs it: one input at a time, on one thread of the CPU.

    It has no gradient, and neither devices nor dtypes change it. The file runs in this process.
    """

    def __init__(self, file: ModelFile, permutation: Sequence[int]) -> None:
        super().__init__()
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingDependencyError(
                'networks="litert" needs LiteRT: pip install "tflite2torch[parity]"'
            ) from error
        self._interpreter = Interpreter(model_content=file.data, num_threads=1)
        self._interpreter.allocate_tensors()
        (port,) = self._interpreter.get_input_details()
        self._input, self._shape = port["index"], tuple(port["shape"])
        self._outputs = [port["index"] for port in self._interpreter.get_output_details()]
        self._axes = [int(axis) for axis in np.argsort(permutation)]

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the outputs for any number of inputs."""
        values = inputs.detach().to("cpu", torch.float32).permute(self._axes).numpy()
        rows: list[list[np.ndarray[Any, Any]]] = []
        for value in values:
            self._interpreter.set_tensor(self._input, value.reshape(self._shape))
            self._interpreter.invoke()
            rows.append([self._interpreter.get_tensor(i).reshape(-1) for i in self._outputs])
        columns = zip(*rows, strict=True)
        return [torch.from_numpy(np.stack(column)).to(inputs) for column in columns]


def load_networks(
    files: Mapping[str, ModelFile], names: Sequence[str], networks: Networks
) -> tuple[dict[str, nn.Module], dict[str, Conversion]]:
    """Return networks by name, and what their conversions say of them.

    Raises what ``convert_model`` does, MissingDependencyError without LiteRT, and ValueError for
    another kind of networks.
    """
    if networks not in get_args(Networks):
        raise ValueError(f"networks is {networks!r}; give 'torch' or 'litert'")
    conversions = {name: convert_model(files[name]) for name in names}
    if networks == "torch":
        modules = {name: TorchNetwork(load_module(c)) for name, c in conversions.items()}
        return cast("dict[str, nn.Module]", modules), conversions
    return {
        name: LiteRTNetwork(c.file, c.inputs[0]["permutation"]) for name, c in conversions.items()
    }, conversions


def _has_convolution(module: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d) for part in module.modules())
