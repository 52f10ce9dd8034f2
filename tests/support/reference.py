"""TFLite's answers for the tests' own small models, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

Array = npt.NDArray[Any]
Kernels = Literal["reference", "builtin", "xnnpack"]

_RESOLVERS = {
    "reference": OpResolverType.BUILTIN_REF,
    "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "xnnpack": OpResolverType.BUILTIN,
}


def run_reference(
    model: bytes, inputs: Sequence[npt.ArrayLike], kernels: Kernels = "reference"
) -> list[Array]:
    """Return the model's outputs for its inputs, both in the file's order.

    Each input is converted to the type of the model's and must have its shape.
    """
    interpreter = _invoked(model, inputs, kernels)
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def all_tensors(model: bytes, inputs: Sequence[npt.ArrayLike]) -> dict[int, Array]:
    """Return what the reference kernels leave in every tensor, by its index."""
    interpreter = _invoked(model, inputs, "reference")
    tensors = schema.ModelT.InitFromPackedBuf(model).subgraphs[0].tensors
    return {index: interpreter.get_tensor(index) for index in range(len(tensors))}


def allocated_shapes(model: bytes) -> dict[int, tuple[int, ...]]:
    """Return the shapes that TFLite gives tensors, its temporaries too, by their index."""
    details = _interpreter(model, "reference").get_tensor_details()
    return {d["index"]: tuple(int(size) for size in d["shape"]) for d in details}


def _invoked(model: bytes, inputs: Sequence[npt.ArrayLike], kernels: Kernels) -> Any:
    interpreter = _interpreter(model, kernels)
    details = interpreter.get_input_details()
    for detail, values in zip(details, inputs, strict=True):
        array = np.asarray(values, detail["dtype"])
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return interpreter


def _interpreter(model: bytes, kernels: Kernels) -> Any:
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=_RESOLVERS[kernels],
        num_threads=1,
        # Without it the interpreter lets a RESHAPE's result share its operand's memory,
        # and may overwrite it while the operand is still needed.
        experimental_preserve_all_tensors=kernels != "xnnpack",
    )
    interpreter.allocate_tensors()
    return interpreter
