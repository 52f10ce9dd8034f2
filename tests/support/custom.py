"""Custom operators, which TFLite's interpreter lacks: run the emitted module on arrays in
TFLite's axis order, and MediaPipe's own kernels where its environment is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from flatbuffers import flexbuffers

from tests.support.operators import convert_bytes
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.reference.mediapipe import MediaPipeReference

Array = npt.NDArray[Any]
Option = int | float | str | Sequence[int]


def run_module(model: bytes, samples: Sequence[Sequence[Array]]) -> list[Array]:
    """Return the outputs of what is emitted for a model, samples stacked along axis 0.

    Args:
        model: a file all of whose inputs and outputs have a batch axis of one.
        samples: the inputs of each sample, in the file's order; they run as one batch.
    """
    conversion = convert_bytes(model)
    interface = Interface.of(conversion)
    inputs = [torch.from_numpy(x) for x in interface.stack(samples)]
    with torch.no_grad():
        results = load_module(conversion)(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    return [
        result.numpy().transpose(np.argsort(port.permutation))
        for port, result in zip(interface.outputs, results, strict=True)
    ]


def kernel_answers(model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """Return what MediaPipe's own kernels give; skip the test where there are none."""
    require_mediapipe()
    with MediaPipeReference(model, "builtin") as reference:
        answers = reference.run(inputs)
        return [answers[tensor.index] for tensor in reference.outputs]


def require_mediapipe() -> None:
    """Skip the test where the environment of ``tflite2torch reference`` is not there."""
    reason = MediaPipeReference.unavailable()
    if reason:
        pytest.skip(f"MediaPipe's runtime: {reason}")


def flex(**options: Option) -> bytes:
    """Return options as MediaPipe writes them: a FlexBuffers map, lists of one type."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in options.items():
            if isinstance(value, int):
                builder.Int(name, value)
            elif isinstance(value, float):
                builder.Float(name, value, byte_width=8)
            elif isinstance(value, str):
                builder.String(name, value)
            else:
                builder.TypedVectorFromElements(name, list(value))
    return bytes(builder.Finish())
