"""TRANSPOSE_CONV and MediaPipe's custom operator Convolution2DTransposeBias."""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    check_positive,
)
from tflite2torch.converter.frontends.tflite.operators.custom_options import (
    SAME,
    VALID,
    c_struct,
)
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
    full_size,
)
from tflite2torch.converter.graph.value import Value

COMMENT = "TFLite crops the odd pixel right and bottom"


def transpose_conv_shape(operands: Operands) -> Shapes:
    """Return the output shape, which is input 0, if it fits weight and data.

    A convolution with the same options must map the output's size to the input's.
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
    """Transposed convolution to a constant output shape; the weight is (O, H, W, I).

    May have a bias and a fused activation. Source: TensorFlow Lite's kernels/transpose_conv.cc.
    """
    x, options, parameters = call.floating(2), call.options, _parameters(call, 3)
    stride = int(options.StrideH()), int(options.StrideW())
    _, *size, _ = call.integers(0)
    # With SAME, the output is cropped by what the convolution that this transposes would pad,
    # which follows from the output's size. VALID crops only right and bottom.
    padding = [0, 0]
    if options.Padding() == 0:
        kernel = parameters["weight"].shape[2:]
        axes = zip(full_size(x.shape[1:3], kernel, stride), size, strict=True)
        padding = [max(full - n, 0) // 2 for full, n in axes]
    nodes = _nodes(call, x, parameters, stride, padding, size)
    return call.activated(nodes, options.FusedActivationFunction())


@custom_operator("Convolution2DTransposeBias", inputs=3)
def convolution_2d_transpose_bias(call: OperatorCall) -> list[Node]:
    """Transposed convolution of input 0 with a weight (O, H, W, I) and a bias.

    The options begin with those of TfLiteTransposeConvParams. Source: MediaPipe's
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
    # No output shape is given. This kernel crops by what a convolution of the *input* would
    # pad, which differs from TRANSPOSE_CONV.
    cropped = [0, 0]
    if options["padding"] == SAME:
        axes = zip(size, kernel, stride, strict=True)
        cropped = [max(k - (n - 1) % s - 1, 0) for n, k, s in axes]
    full = full_size(size, kernel, stride)
    output = [n - c for n, c in zip(full, cropped, strict=True)]
    padding = [c // 2 for c in cropped]
    return _nodes(call, x, _parameters(call, 2), stride, padding, output)


def _parameters(call: OperatorCall, bias: int) -> dict[str, Value]:
    """Return the weight, permuted from (O, H, W, I) to torch's (I, O, H, W), and the bias."""
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
    """Return a layer with an output of this (height, width), and a crop if necessary.

    ``padding`` is the number of rows and columns cropped at the top and at the left.
    """
    top, left = padding
    kernel = parameters["weight"].shape[2:]
    # torch's padding crops both sides alike. Its output_padding then adds rows at the bottom,
    # but nothing removes them there: that takes a slice.
    axes = zip(full_size(x.shape[1:3], kernel, stride), padding, size, strict=True)
    surplus = [full - 2 * p - n for full, p, n in axes]
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
