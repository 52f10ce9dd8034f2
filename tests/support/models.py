"""Writes small ``.tflite`` models, of one operator or a few, without TensorFlow.

One operator, its shapes worked out by TFLite itself:

    options = schema.Conv2DOptionsT(strideW=2, strideH=2)
    image = Tensor((1, 8, 8, 3))
    model = one_operator_model("CONV_2D", [image, weights, bias], options=options)
    [answer] = run_reference(model, [pixels])

Several operators:

    builder = ModelBuilder()
    x = builder.input((1, 8, 8, 3))
    [padded] = builder.operator("PAD", [x, np.int32([[0, 0], [1, 1], [1, 1], [0, 0]])])
    [pooled] = builder.operator("MAX_POOL_2D", [padded], options=pooling)
    model = builder.build([pooled])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tests.support.reference import allocated_shapes
from tflite2torch.parity.reference.editing import packed_model

Array = npt.NDArray[Any]

_CUSTOM = schema.BuiltinOperator.CUSTOM
_LARGEST_DEPRECATED_CODE = 127


@dataclass(frozen=True)
class Tensor:
    """A tensor as an operator sees it.

    Attributes:
        shape: sizes, the batch of one included; None for an operator's output whose
            shape TFLite shall work out, which it cannot for custom operators.
        dtype: numpy's name, such as ``float32``.
        data: what a constant holds; its shape and type are the tensor's.
        scale, zero_point: quantization; one each, or one for each index of ``axis``.
        axis: what per-channel quantization runs along.
        name: as it stands in the file; made up from index and use where it is None.
    """

    shape: tuple[int, ...] | None = None
    dtype: str = "float32"
    data: Array | None = None
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis: int = 0
    name: str | None = None


@dataclass(frozen=True)
class Ref:
    """A tensor that is part of a model under construction."""

    index: int


Operand = Ref | Tensor | Array | None


class ModelBuilder:
    """Collects tensors and operators, then writes them as a ``.tflite`` file."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._inputs: list[int] = []
        self._codes: list[Any] = []
        self._operators: list[Any] = []

    def input(self, shape: tuple[int, ...], dtype: str = "float32", name: str | None = None) -> Ref:
        """Add an input of the model."""
        return self._operand(Tensor(shape, dtype, name=name))

    def operator(
        self,
        name: str,
        operands: Sequence[Operand],
        outputs: Sequence[Tensor | str] = ("float32",),
        options: Any = None,
        custom_options: bytes = b"",
        version: int = 1,
    ) -> list[Ref]:
        """Add an operator and return its outputs.

        Args:
            name: such as ``CONV_2D``; any other name is that of a custom operator.
            operands: in TFLite's order: a tensor of this model, a constant (an array,
                or a ``Tensor`` with data), a new input of the model (a ``Tensor``
                without data), or None for an optional operand that is left out.
            outputs: tensors or types of the outputs; for a bare type TFLite infers the shape.
            options: an object such as ``schema.Conv2DOptionsT``.
            custom_options: options of a custom operator, as bytes.
            version: the operator's version.
        """
        inputs = [-1 if o is None else self._operand(o).index for o in operands]
        results = [self._add(Tensor(dtype=o) if isinstance(o, str) else o, name) for o in outputs]
        operator = schema.OperatorT(
            opcodeIndex=len(self._codes),
            inputs=inputs,
            outputs=[result.index for result in results],
            customOptions=list(custom_options) or None,
        )
        if options is not None:
            _set_options(operator, options)
        self._codes.append(_operator_code(name, version))
        self._operators.append(operator)
        return results

    def build(self, outputs: Sequence[Ref]) -> bytes:
        """Return the file, with these outputs."""
        indices = [output.index for output in outputs]
        shapes: Sequence[tuple[int, ...]] = [t.shape or () for t in self._tensors]
        if any(tensor.shape is None for tensor in self._tensors):
            allocated = allocated_shapes(self._pack(indices, shapes))
            shapes = [allocated[index] for index in range(len(shapes))]
        return self._pack(indices, shapes)

    def _operand(self, operand: Ref | Tensor | Array) -> Ref:
        if isinstance(operand, Ref):
            return operand
        tensor = operand if isinstance(operand, Tensor) else Tensor(data=operand)
        if tensor.data is not None:
            constant = replace(tensor, shape=tensor.data.shape, dtype=tensor.data.dtype.name)
            return self._add(constant, "constant")
        ref = self._add(tensor, "input")
        self._inputs.append(ref.index)
        return ref

    def _add(self, tensor: Tensor, use: str) -> Ref:
        index = len(self._tensors)
        name = f"{use}_{index}" if tensor.name is None else tensor.name
        self._tensors.append(replace(tensor, name=name))
        return Ref(index)

    def _pack(self, outputs: list[int], shapes: Sequence[tuple[int, ...]]) -> bytes:
        buffers = [schema.BufferT()]
        tensors = []
        for tensor, shape in zip(self._tensors, shapes, strict=True):
            packed = _packed_tensor(tensor, shape)
            if tensor.data is not None:
                packed.buffer = len(buffers)
                buffers.append(schema.BufferT(data=tensor.data.tobytes()))
            tensors.append(packed)
        graph = schema.SubGraphT(
            tensors=tensors,
            inputs=self._inputs,
            outputs=outputs,
            operators=self._operators,
            name="main",
        )
        model = schema.ModelT(
            version=3, operatorCodes=self._codes, subgraphs=[graph], buffers=buffers
        )
        return packed_model(model)


def one_operator_model(
    name: str,
    operands: Sequence[Operand],
    outputs: Sequence[Tensor | str] = ("float32",),
    options: Any = None,
    custom_options: bytes = b"",
    version: int = 1,
) -> bytes:
    """Return a ``.tflite`` file of one operator; see ``ModelBuilder.operator``."""
    builder = ModelBuilder()
    results = builder.operator(name, operands, outputs, options, custom_options, version)
    return builder.build(results)


def _packed_tensor(tensor: Tensor, shape: tuple[int, ...]) -> Any:
    packed = schema.TensorT(
        shape=list(shape),
        type=getattr(schema.TensorType, tensor.dtype.upper()),
        name=tensor.name,
        hasRank=True,
    )
    if tensor.scale:
        packed.quantization = schema.QuantizationParametersT(
            scale=list(tensor.scale),
            zeroPoint=list(tensor.zero_point or [0] * len(tensor.scale)),
            quantizedDimension=tensor.axis,
        )
    return packed


def _operator_code(name: str, version: int) -> Any:
    code = getattr(schema.BuiltinOperator, name, _CUSTOM)
    return schema.OperatorCodeT(
        builtinCode=code,
        deprecatedBuiltinCode=min(code, _LARGEST_DEPRECATED_CODE),
        customCode=name if code == _CUSTOM else None,
        version=version,
    )


def _set_options(operator: Any, options: Any) -> None:
    """Put the options in whichever of the two unions has their kind."""
    kind = type(options).__name__.removesuffix("T")
    if hasattr(schema.BuiltinOptions, kind):
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
    else:
        operator.builtinOptions2Type = getattr(schema.BuiltinOptions2, kind)
        operator.builtinOptions2 = options
