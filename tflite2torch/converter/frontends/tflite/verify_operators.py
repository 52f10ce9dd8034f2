"""Whether operators make sense: operands, options, and the shapes that they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflite2torch.converter.frontends.tflite import shapes
from tflite2torch.converter.frontends.tflite.call import Call
from tflite2torch.converter.frontends.tflite.effort import Effort
from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError

if TYPE_CHECKING:
    from tflite2torch.converter.frontends.tflite.model import Operator, Tensor

MANY = 2**16
"""The most operands of an operator that takes any number of them."""


@dataclass(frozen=True)
class Contract:
    """What an operator needs, and gives.

    Attributes:
        rule: the shapes that it gives.
        least, most: how many inputs it has; those beyond ``least`` may be left out.
        options: the class of its options; empty where they do not matter.
        gives: the type of its outputs, or which input they have it from; None for any.
        outputs: how many outputs it has; None for any number.
        needs_options: whether options may not be missing.
    """

    rule: Callable[[Call], shapes.Shapes]
    least: int = 1
    most: int = 1
    options: str = ""
    gives: str | int | None = 0
    outputs: int | None = 1
    needs_options: bool = True


_UNARY = (
    "ABS CEIL COS ELU EXP FLOOR HARD_SWISH LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX NEG "
    "RELU RELU6 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH"
)
_BINARY = (
    "FLOOR_DIV FLOOR_MOD LOGICAL_AND LOGICAL_OR MAXIMUM MINIMUM POW SQUARED_DIFFERENCE"
)
_COMPARING = "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL"
_REDUCING = "MEAN REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM"

_ENUMERATIONS = {"FusedActivationFunction": 6, "Padding": 2}
"""Options that name one of several things, and how many there are in the schema."""

_QUANTIZED = ("int8", "uint8", "int16")
"""What such operands make may be of another type; arithmetic on them is not converted."""

CONTRACTS: dict[str, Contract] = {
    **{name: Contract(shapes.same) for name in _UNARY.split()},
    **{name: Contract(shapes.broadcast, 2, 2) for name in _BINARY.split()},
    **{
        name: Contract(shapes.broadcast, 2, 2, gives="bool")
        for name in _COMPARING.split()
    },
    **{
        name: Contract(shapes.reduce, 2, 2, "ReducerOptions")
        for name in _REDUCING.split()
    },
    "ADD": Contract(shapes.broadcast, 2, 2, "AddOptions"),
    "ARG_MAX": Contract(shapes.arg_extreme, 2, 2, "ArgMaxOptions", None),
    "ARG_MIN": Contract(shapes.arg_extreme, 2, 2, "ArgMinOptions", None),
    "AVERAGE_POOL_2D": Contract(shapes.pool_2d, 1, 1, "Pool2DOptions"),
    "BATCH_MATMUL": Contract(shapes.batch_matmul, 2, 2, "BatchMatMulOptions"),
    "BROADCAST_TO": Contract(shapes.broadcast_to, 2, 2),
    "CAST": Contract(shapes.same, gives=None),
    "CONCATENATION": Contract(shapes.concatenation, 1, MANY, "ConcatenationOptions"),
    "CONV_2D": Contract(shapes.conv_2d, 2, 3, "Conv2DOptions"),
    "DENSIFY": Contract(shapes.densify),
    "DEQUANTIZE": Contract(shapes.same, gives="float32"),
    "DEPTHWISE_CONV_2D": Contract(
        shapes.depthwise_conv_2d, 2, 3, "DepthwiseConv2DOptions"
    ),
    "DEPTH_TO_SPACE": Contract(shapes.depth_to_space, 1, 1, "DepthToSpaceOptions"),
    "DIV": Contract(shapes.broadcast, 2, 2, "DivOptions"),
    "EXPAND_DIMS": Contract(shapes.expand_dims, 2, 2),
    "FULLY_CONNECTED": Contract(shapes.fully_connected, 2, 3, "FullyConnectedOptions"),
    "GATHER": Contract(shapes.gather, 2, 2, "GatherOptions"),
    "GELU": Contract(shapes.same, 1, 1, "GeluOptions"),
    "L2_NORMALIZATION": Contract(shapes.same, 1, 1, "L2NormOptions"),
    "LEAKY_RELU": Contract(shapes.same, 1, 1, "LeakyReluOptions"),
    "MAX_POOL_2D": Contract(shapes.pool_2d, 1, 1, "Pool2DOptions"),
    "MIRROR_PAD": Contract(shapes.mirror_pad, 2, 2, "MirrorPadOptions"),
    "MUL": Contract(shapes.broadcast, 2, 2, "MulOptions"),
    "PACK": Contract(shapes.pack, 1, MANY, "PackOptions"),
    "PAD": Contract(shapes.pad, 2, 2),
    "PADV2": Contract(shapes.pad, 3, 3),
    "PRELU": Contract(shapes.prelu, 2, 2),
    "RESHAPE": Contract(shapes.reshape, 1, 2, "ReshapeOptions", needs_options=False),
    "RESIZE_BILINEAR": Contract(shapes.resize, 2, 2, "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": Contract(
        shapes.resize, 2, 2, "ResizeNearestNeighborOptions"
    ),
    "REVERSE_V2": Contract(shapes.reverse, 2, 2),
    "SELECT": Contract(shapes.select, 3, 3, gives=1),
    "SELECT_V2": Contract(shapes.select_v2, 3, 3, gives=1),
    "SLICE": Contract(shapes.slice_, 3, 3),
    "SOFTMAX": Contract(shapes.same, 1, 1, "SoftmaxOptions"),
    "SPACE_TO_DEPTH": Contract(shapes.space_to_depth, 1, 1, "SpaceToDepthOptions"),
    "SPLIT": Contract(shapes.split, 2, 2, "SplitOptions", 1, None),
    "SPLIT_V": Contract(shapes.split_v, 3, 3, "SplitVOptions", 0, None),
    "SQUEEZE": Contract(shapes.squeeze, 1, 1, "SqueezeOptions"),
    "STRIDED_SLICE": Contract(shapes.strided_slice, 4, 4, "StridedSliceOptions"),
    "SUB": Contract(shapes.broadcast, 2, 2, "SubOptions"),
    "TILE": Contract(shapes.tile, 2, 2),
    "TRANSPOSE": Contract(shapes.transpose, 2, 2),
    "TRANSPOSE_CONV": Contract(shapes.transpose_conv, 3, 4, "TransposeConvOptions", 2),
    "UNPACK": Contract(shapes.unpack, 1, 1, "UnpackOptions", 0, None),
}
"""What is known of operators; the rest is not converted, whatever it holds."""


def verify_operator(operator: Operator, tensors: list[Tensor], effort: Effort) -> None:
    """Check an operator, whose operands exist, against its contract if it has one.

    Raises FormatError.
    """
    contract = CONTRACTS.get(operator.name)
    if contract is None or operator.custom:
        return
    _check_count(operator, contract)
    _check_options(operator, contract)
    call = Call(
        operator,
        [tensors[index] if index >= 0 else None for index in operator.inputs],
        [tensors[index] for index in operator.outputs],
        effort,
    )
    gives = contract.gives
    dtype = call.tensor(gives).dtype if isinstance(gives, int) else gives
    dtype = None if dtype in _QUANTIZED else dtype
    for output, shape in zip(call.outputs, contract.rule(call), strict=True):
        if shape not in (None, output.shape) or dtype not in (None, output.dtype):
            raise FormatError(
                f"it gives {dtype or output.dtype} {list(shape or output.shape)}, but "
                f"{output.place} is {output.dtype} {list(output.shape)}"
            )


def _check_count(operator: Operator, contract: Contract) -> None:
    inputs, outputs = operator.inputs, len(operator.outputs)
    if not contract.least <= len(inputs) <= contract.most:
        raise FormatError(f"it cannot have {len(inputs)} inputs")
    if -1 in inputs[: contract.least]:
        raise FormatError(f"it lacks its input {inputs.index(-1)}")
    if contract.outputs not in (None, outputs) or not outputs:
        raise FormatError(f"it cannot have {outputs} outputs")


def _check_options(operator: Operator, contract: Contract) -> None:
    options = operator.options
    if not contract.options or (options is None and not contract.needs_options):
        return
    if type(options).__name__ != contract.options:
        raise FormatError(f"it lacks its options, of the class {contract.options}")
    for field, count in _ENUMERATIONS.items():
        read = getattr(options, field, None)
        if read is not None and not 0 <= read() < count:
            raise FormatError(f"its {field} is number {read()} of {count}")
