"""TRANSPOSE_CONV, and MediaPipe's Convolution2DTransposeBias."""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    check_positive,
)
from tflite2torch.converter.frontends.tflite.operators.custom_options import c_struct
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    custom_operator,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.slicing import FULL, Slice
from tflite2torch.converter.graph.nodes.transpose_conv import (
    ConvTranspose2d,
    Pair,
    whole_size,
)
from tflite2torch.converter.graph.value import Value

SAME, VALID = 1, 2
"""TfLitePadding, in TensorFlow Lite's core/c/builtin_op_data.h; the schema begins at 0."""

COMMENT = "TFLite crops the odd pixel right and bottom"


def transpose_conv_shape(operands: Operands) -> Shapes:
    """The output's shape, filters (O, H, W, I), the input, perhaps a bias.

    A convolution with these options, of the output, must give the input's size.
    """
    filters, *kernel, depth = operands.shape(1, 4)
    batch, *size, channels = operands.shape(2, 4)
    if depth != channels or 0 in (filters, channels):
        raise FormatError(f"filters of {depth} channels do not fit {channels} channels")
    operands.check_weights(filters, data=2)
    stride = operands.options.StrideH(), operands.options.StrideW()
    check_positive(*kernel, *stride)
    shape = operands.integers(0)
    if shape is None:
        return [None]
    if len(shape) != 4 or (shape[0], shape[3]) != (batch, filters):
        raise FormatError(f"its output of {list(shape)} does not fit its operands")
    same = operands.options.Padding() == 0
    axes = zip(shape[1:3], kernel, stride, strict=True)
    shrunk = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in axes]
    if min(shape[1:3]) < 1 or shrunk != size:
        raise FormatError(f"a convolution makes {shrunk} of its output, not {size}")
    return [shape]


@operator(
    "TRANSPOSE_CONV",
    shapes=transpose_conv_shape,
    inputs=(3, 4),
    options="TransposeConvOptions",
    gives=2,
)
def transpose_conv(call: OperatorCall) -> list[Node]:
    """The output's shape, weight (O, H, W, I), input, perhaps a bias; then an activation.

    What SAME crops follows from the output's size, as it does for the convolution that this
    is the transpose of. Source: TensorFlow Lite's kernels/transpose_conv.cc.
    """
    x, options, parameters = call.floating(2), call.options, _parameters(call, 3)
    stride = int(options.StrideH()), int(options.StrideW())
    _, *size, _ = call.integers(0)
    padding = [0, 0]
    if options.Padding() == 0:
        kernel = parameters["weight"].shape[2:]
        axes = zip(whole_size(x.shape[1:3], kernel, stride), size, strict=True)
        padding = [max(whole - n, 0) // 2 for whole, n in axes]
    nodes = _nodes(call, x, parameters, stride, padding, size)
    return call.activated(nodes, options.FusedActivationFunction())


@custom_operator("Convolution2DTransposeBias", inputs=3)
def convolution_2d_transpose_bias(call: OperatorCall) -> list[Node]:
    """Input, weight (O, H, W, I), bias; options are the start of TfLiteTransposeConvParams.

    What SAME crops follows from the input's size. Source: MediaPipe's
    util/tflite/operations/transpose_conv_bias.cc.
    """
    x, weight = call.image(0), call.weight(1)
    options = c_struct(call, "padding", "stride_width", "stride_height")
    stride = options["stride_height"], options["stride_width"]
    if weight.rank != 4 or weight.shape[3] != x.shape[3] or 0 in weight.shape:
        raise call.damaged(f"a weight of {list(weight.shape)} for {list(x.shape)}")
    if call.weight(2).shape != weight.shape[:1] or min(stride) < 1:
        raise call.damaged(
            f"a bias of {list(call.weight(2).shape)} and strides {stride} for a weight "
            f"of {list(weight.shape)}"
        )
    if options["padding"] not in (SAME, VALID):
        raise NotSupportedError(f"its padding is number {options['padding']}")
    size, kernel = x.shape[1:3], weight.shape[1:3]
    cropped = [0, 0]
    if options["padding"] == SAME:
        axes = zip(size, kernel, stride, strict=True)
        cropped = [max(k - (n - 1) % s - 1, 0) for n, k, s in axes]
    whole = whole_size(size, kernel, stride)
    left = [n - c for n, c in zip(whole, cropped, strict=True)]
    padding = [c // 2 for c in cropped]
    return _nodes(call, x, _parameters(call, 2), stride, padding, left)


def _parameters(call: OperatorCall, bias: int) -> dict[str, Value]:
    """Return the weight (O, H, W, I) as torch has it, and the bias if there is one."""
    parameters = {"weight": call.weight(1).permuted((3, 0, 1, 2))}
    if call.optional(bias) is not None:
        parameters["bias"] = call.bias(bias)
    return parameters


def _nodes(
    call: OperatorCall,
    x: Value,
    parameters: dict[str, Value],
    stride: Pair,
    padding: Sequence[int],
    size: Sequence[int],
) -> list[Node]:
    """Return a layer that gives this (height, width), and the crop that it cannot do.

    ``padding`` is what the result loses top and left; right and bottom lose what is left
    over, or gain what lacks.
    """
    top, left = padding
    kernel = parameters["weight"].shape[2:]
    axes = zip(whole_size(x.shape[1:3], kernel, stride), padding, size, strict=True)
    surplus = [whole - 2 * p - n for whole, p, n in axes]
    down, across = (max(-n, 0) for n in surplus)
    node = ConvTranspose2d(
        [x], [call.output], stride, (top, left), (down, across), parameters=parameters
    )
    if max(surplus) <= 0:
        return [node]
    (shape,) = node.infer()
    node.outputs = [Value(call.output.name, shape, "float32")]
    spatial = [slice(None, -n) if n > 0 else FULL for n in surplus]
    crop = Slice(node.outputs, [call.output], (FULL, *spatial, FULL), comment=COMMENT)
    return [node, crop]
