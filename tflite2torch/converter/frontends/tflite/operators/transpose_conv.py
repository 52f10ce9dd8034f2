"""TRANSPOSE_CONV, and MediaPipe's Convolution2DTransposeBias."""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.errors import InvalidModelError
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
    _whole,
)
from tflite2torch.converter.graph.value import Value

SAME, VALID = 1, 2
"""TfLitePadding, in TensorFlow Lite's core/c/builtin_op_data.h; the schema begins at 0."""

COMMENT = "TFLite crops the odd pixel right and bottom"


@operator("TRANSPOSE_CONV")
def transpose_conv(call: OperatorCall) -> list[Node]:
    """The output's shape, weight (O, H, W, I), input, perhaps a bias; then an activation.

    What SAME crops follows from the output's size, as it does for the convolution that this
    is the transpose of. Source: TensorFlow Lite's kernels/transpose_conv.cc.
    """
    x, options = call.image(2), call.options
    parameters = _parameters(call, x, call.weight(1), 3)
    stride = _stride(call, int(options.StrideH()), int(options.StrideW()))
    _, *size, _ = call.integers(0)
    kernel, same = parameters["weight"].shape[2:], options.Padding() == 0
    axes = list(zip(size, kernel, stride, strict=True))
    shrunk = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in axes]
    if min(size) < 1 or tuple(shrunk) != x.shape[1:3]:
        raise InvalidModelError(
            f"{call.place}: a convolution makes {shrunk} of its output of {size}, not "
            f"{list(x.shape[1:3])}; the file is damaged, fetch it again"
        )
    padding = [0, 0]
    if same:
        spare = [(m - 1) * s + k - n for m, (n, k, s) in zip(shrunk, axes, strict=True)]
        padding = [max(n, 0) // 2 for n in spare]
    nodes = _nodes(call, x, parameters, stride, padding, size)
    nodes[-1].activation = call.activation(options.FusedActivationFunction())
    return nodes


@custom_operator("Convolution2DTransposeBias")
def convolution_2d_transpose_bias(call: OperatorCall) -> list[Node]:
    """Input, weight (O, H, W, I), bias; options are the start of TfLiteTransposeConvParams.

    What SAME crops follows from the input's size. Source: MediaPipe's
    util/tflite/operations/transpose_conv_bias.cc.
    """
    call.signature(inputs=3, outputs=1)
    x, options = (
        call.image(0),
        c_struct(call, "padding", "stride_width", "stride_height"),
    )
    parameters = _parameters(call, x, call.weight(1), 2)
    stride = _stride(call, options["stride_height"], options["stride_width"])
    if options["padding"] not in (SAME, VALID):
        raise NotSupportedError(f"its padding is number {options['padding']}")
    size, kernel = x.shape[1:3], parameters["weight"].shape[2:]
    cropped = [0, 0]
    if options["padding"] == SAME:
        axes = zip(size, kernel, stride, strict=True)
        cropped = [max(k - (n - 1) % s - 1, 0) for n, k, s in axes]
    whole = _whole(size, kernel, stride)
    left = [n - c for n, c in zip(whole, cropped, strict=True)]
    return _nodes(call, x, parameters, stride, [c // 2 for c in cropped], left)


def _stride(call: OperatorCall, height: int, width: int) -> Pair:
    if min(height, width) < 1:
        raise InvalidModelError(
            f"{call.place}: strides {height} and {width} must be positive; "
            "the file is damaged, fetch it again"
        )
    return height, width


def _parameters(
    call: OperatorCall, x: Value, weight: Value, bias: int
) -> dict[str, Value]:
    """Return the weight (O, H, W, I) as torch has it, and the bias if there is one."""
    if weight.rank != 4 or weight.shape[3] != x.shape[3] or 0 in weight.shape:
        raise InvalidModelError(
            f"{call.place}: a weight of {list(weight.shape)} for {list(x.shape)}; "
            "the file is damaged, fetch it again"
        )
    parameters = {"weight": weight.permuted((3, 0, 1, 2))}
    if call.optional(bias) is not None:
        parameters["bias"] = call.weight(bias)
        if parameters["bias"].shape != weight.shape[:1]:
            raise InvalidModelError(
                f"{call.place}: a bias of {list(parameters['bias'].shape)} for "
                f"{weight.shape[0]} filters; the file is damaged, fetch it again"
            )
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
    axes = zip(_whole(x.shape[1:3], kernel, stride), padding, size, strict=True)
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
