"""Which shapes TFLite's operators give: one rule for each family of them.

A rule gets an operator with its operands, as the file has them, and returns the shapes of
its outputs; None where a computed operand decides. It raises FormatError where operands,
constants and options do not fit each other. Source: what ``Prepare`` asks for in the
kernels of TensorFlow Lite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tflite2torch.converter.frontends.tflite.call import Call
from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.graph.value import Shape

Shapes = Sequence["Shape | None"]

MAX_STEP = 2**15 - 1
"""The largest kernel, stride or dilation: TFLite's kernels keep them in 16 bits."""


def same(call: Call) -> Shapes:
    """Every output is like the first operand."""
    return [call.shape(0)] * len(call.outputs)


def broadcast(call: Call) -> Shapes:
    """All operands, of one type, are stretched to one shape."""
    tensors = [call.tensor(i) for i in range(len(call.inputs))]
    types = sorted({tensor.dtype for tensor in tensors})
    if len(types) > 1:
        raise FormatError(f"its operands differ in type: {', '.join(types)}")
    return [broadcast_shape([tensor.shape for tensor in tensors])]


def select(call: Call) -> Shapes:
    """A condition, and two operands of one shape; the condition may have one axis."""
    condition, shape = call.shape(0), call.shape(1)
    if call.shape(2) != shape or condition not in (shape, (), shape[:1]):
        raise FormatError(f"it cannot choose by {list(condition)} from {list(shape)}")
    return [shape]


def select_v2(call: Call) -> Shapes:
    """A condition and two operands are stretched to one shape."""
    return [broadcast_shape([call.shape(i) for i in range(3)])]


def prelu(call: Call) -> Shapes:
    """The slopes are stretched to the input."""
    if broadcast_shape([call.shape(0), call.shape(1)]) != call.shape(0):
        raise FormatError(f"its slopes {list(call.shape(1))} do not fit its input")
    return [call.shape(0)]


def conv_2d(call: Call) -> Shapes:
    """Filters (O, H, W, I / groups)."""
    batch, *size, channels = call.shape(0, 4)
    filters, *kernel, depth = call.shape(1, 4)
    groups = channels // depth if depth else 0
    if not groups or channels % depth or filters % groups:
        raise FormatError(
            f"{filters} filters of {depth} channels do not fit {channels} channels"
        )
    _weights(call, filters)
    return [(batch, *_window(call.options, size, kernel), filters)]


def depthwise_conv_2d(call: Call) -> Shapes:
    """Filters (1, H, W, C * multiplier)."""
    batch, *size, channels = call.shape(0, 4)
    one, *kernel, filters = call.shape(1, 4)
    if one != 1 or not channels or not filters or filters % channels:
        raise FormatError(
            f"its filters {list(call.shape(1))} do not fit {channels} channels"
        )
    _weights(call, filters)
    return [(batch, *_window(call.options, size, kernel), filters)]


def transpose_conv(call: Call) -> Shapes:
    """The shape of the output, filters (O, H, W, I), the input, perhaps a bias."""
    filters, *kernel, depth = call.shape(1, 4)
    batch, *_, channels = call.shape(2, 4)
    if depth != channels:
        raise FormatError(f"filters of {depth} channels do not fit {channels} channels")
    _weights(call, filters, data=2)
    call.positive(*kernel, call.options.StrideH(), call.options.StrideW())
    shape = call.integers(0)
    if shape and (len(shape) != 4 or (shape[0], shape[3]) != (batch, filters)):
        raise FormatError(f"its output of {list(shape)} does not fit its operands")
    return [shape]


def pool_2d(call: Call) -> Shapes:
    """A window over pixels."""
    batch, *size, channels = call.shape(0, 4)
    kernel = [call.options.FilterHeight(), call.options.FilterWidth()]
    return [(batch, *_window(call.options, size, kernel), channels)]


def resize(call: Call) -> Shapes:
    """Pixels, and their new height and width."""
    batch, *_, channels = call.shape(0, 4)
    size = call.integers(1, 2)
    if size is None:
        return [None]
    call.positive(*size)
    return [(batch, *size, channels)]


def depth_to_space(call: Call) -> Shapes:
    """Channels become blocks of pixels."""
    block = call.options.BlockSize()
    call.positive(block)
    batch, height, width, channels = call.shape(0, 4)
    if channels % block**2:
        raise FormatError(f"{channels} channels do not make blocks of {block}x{block}")
    return [(batch, height * block, width * block, channels // block**2)]


def space_to_depth(call: Call) -> Shapes:
    """Blocks of pixels become channels."""
    block = call.options.BlockSize()
    call.positive(block)
    batch, height, width, channels = call.shape(0, 4)
    if height % block or width % block:
        raise FormatError(f"{height}x{width} pixels do not make blocks of {block}")
    return [(batch, height // block, width // block, channels * block**2)]


def fully_connected(call: Call) -> Shapes:
    """Weights (O, I), for rows of I elements."""
    shape, (outputs, width) = call.shape(0), call.shape(1, 2)
    elements = math.prod(shape)
    if not width or elements % width:
        raise FormatError(f"{elements} elements do not make rows of {width}")
    _weights(call, outputs)
    if not call.options.KeepNumDims():
        return [(elements // width, outputs)]
    if shape[-1:] != (width,):
        raise FormatError(f"rows of {width} elements do not fit {list(shape)}")
    return [(*shape[:-1], outputs)]


def batch_matmul(call: Call) -> Shapes:
    """Two stacks of matrices, either of which may be transposed."""
    left, right = call.shape(0), call.shape(1)
    if min(len(left), len(right)) < 2:
        raise FormatError(f"{list(left)} and {list(right)} are not matrices")
    rows, inner = left[-2:][::-1] if call.options.AdjX() else left[-2:]
    other, columns = right[-2:][::-1] if call.options.AdjY() else right[-2:]
    if inner != other:
        raise FormatError(f"{list(left)} and {list(right)} do not fit for a product")
    return [(*broadcast_shape([left[:-2], right[:-2]]), rows, columns)]


def concatenation(call: Call) -> Shapes:
    """Any number of operands, alike but for one axis."""
    shapes = [call.shape(i) for i in range(len(call.inputs))]
    axis = call.axis(call.options.Axis(), len(shapes[0]))
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(others) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise FormatError(f"{[list(shape) for shape in shapes]} cannot be joined")
    return [_replaced(shapes[0], axis, sum(shape[axis] for shape in shapes))]


def reshape(call: Call) -> Shapes:
    """The same elements; one size may be -1, which stands for what is left."""
    elements = math.prod(call.shape(0))
    asked = call.integers(1) if len(call.inputs) > 1 else _new_shape(call)
    if asked is None:
        return [None]
    rest = math.prod(size for size in asked if size != -1)
    if asked.count(-1) == 1 and rest and not elements % rest:
        asked = tuple(elements // rest if size == -1 else size for size in asked)
    if min(asked, default=0) < 0 or math.prod(asked) != elements:
        raise FormatError(f"it cannot make {list(asked)} of {elements} elements")
    return [asked]


def squeeze(call: Call) -> Shapes:
    """Drops axes of size one: those it names, or all."""
    shape = call.shape(0)
    axes = {call.axis(axis, len(shape)) for axis in call.listed("SqueezeDims")}
    axes = axes or {axis for axis, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise FormatError(f"it cannot drop the axes {sorted(axes)} of {list(shape)}")
    return [tuple(size for axis, size in enumerate(shape) if axis not in axes)]


def expand_dims(call: Call) -> Shapes:
    """A new axis of size one."""
    shape, axes = call.shape(0), call.integers(1, 1)
    if axes is None:
        return [None]
    axis = call.axis(axes[0], len(shape) + 1)
    return [(*shape[:axis], 1, *shape[axis:])]


def transpose(call: Call) -> Shapes:
    """The axes in another order."""
    shape, axes = call.shape(0), call.integers(1)
    if axes is None:
        return [None]
    order = [call.axis(axis, len(shape)) for axis in axes]
    if sorted(order) != list(range(len(shape))):
        raise FormatError(f"{list(axes)} does not permute {len(shape)} axes")
    return [tuple(shape[axis] for axis in order)]


def reduce(call: Call) -> Shapes:
    """Axes become one number each, or vanish."""
    shape, named = call.shape(0), call.integers(1)
    if named is None:
        return [None]
    axes = {call.axis(axis, len(shape)) for axis in named}
    if call.options.KeepDims():
        return [tuple(1 if i in axes else size for i, size in enumerate(shape))]
    return [tuple(size for i, size in enumerate(shape) if i not in axes)]


def pad(call: Call) -> Shapes:
    """Elements before and after each axis."""
    shape = call.shape(0)
    amounts = call.integers(1, 2 * len(shape))
    if amounts is None:
        return [None]
    if min(amounts, default=0) < 0:
        raise FormatError(f"its paddings {list(amounts)} are negative")
    pairs = zip(amounts[::2], amounts[1::2], strict=True)
    return [tuple(n + sum(p) for n, p in zip(shape, pairs, strict=True))]


def mirror_pad(call: Call) -> Shapes:
    """Elements before and after each axis, as the axis itself has them (schema: Mode)."""
    padded = pad(call)
    amounts = call.integers(1) or ()
    for size, before, after in zip(
        call.shape(0), amounts[::2], amounts[1::2], strict=False
    ):
        if max(before, after) > size - (call.options.Mode() == 0):
            raise FormatError(f"{size} elements cannot be mirrored {before, after}")
    return padded


def strided_slice(call: Call) -> Shapes:
    """Begins, ends and strides, each of which a mask may override for an axis."""
    shape, options = call.shape(0), call.options
    begin, end, strides = (call.integers(i) for i in (1, 2, 3))
    if begin is None or end is None or strides is None or options.Offset():
        return [None]
    if not len(begin) == len(end) == len(strides) or 0 in strides:
        raise FormatError(f"begins {begin}, ends {end} and strides {strides} differ")
    if options.EllipsisMask() or options.NewAxisMask():
        return [None]
    if len(begin) > len(shape):
        raise FormatError(f"it takes {len(begin)} axes of {list(shape)}")
    sizes = list(shape[len(begin) :])
    for axis in reversed(range(len(begin))):
        bit, size, step = 1 << axis, shape[axis], strides[axis]
        if options.ShrinkAxisMask() & bit:
            call.axis(0 if options.BeginMask() & bit else begin[axis], size)
            continue
        start = None if options.BeginMask() & bit else begin[axis]
        stop = None if options.EndMask() & bit else end[axis]
        sizes.insert(0, len(range(*slice(start, stop, step).indices(size))))
    return [tuple(sizes)]


def slice_(call: Call) -> Shapes:
    """Begins and sizes; a size of -1 takes the rest."""
    shape = call.shape(0)
    begin, sizes = call.integers(1, len(shape)), call.integers(2, len(shape))
    if begin is None or sizes is None:
        return [None]
    result = []
    for first, count, total in zip(begin, sizes, shape, strict=True):
        count = total - first if count == -1 else count
        if first < 0 or count < 0 or first + count > total:
            raise FormatError(f"it takes {count} elements from {first} on, of {total}")
        result.append(count)
    return [tuple(result)]


def split(call: Call) -> Shapes:
    """Equal parts of an axis, which the first operand names."""
    shape, parts = call.shape(1), len(call.outputs)
    if call.options.NumSplits() != parts:
        raise FormatError(f"{call.options.NumSplits()} parts, but {parts} outputs")
    axes = call.integers(0, 1)
    if axes is None:
        return [None] * parts
    axis = call.axis(axes[0], len(shape))
    if shape[axis] % parts:
        raise FormatError(f"{shape[axis]} elements do not make {parts} equal parts")
    return [_replaced(shape, axis, shape[axis] // parts)] * parts


def split_v(call: Call) -> Shapes:
    """Parts of an axis, of given sizes; one may be -1, which stands for what is left."""
    shape, parts = call.shape(0), len(call.outputs)
    if call.options.NumSplits() != parts:
        raise FormatError(f"{call.options.NumSplits()} parts, but {parts} outputs")
    sizes, axes = call.integers(1, parts), call.integers(2, 1)
    if sizes is None or axes is None:
        return [None] * parts
    axis = call.axis(axes[0], len(shape))
    rest = shape[axis] - sum(size for size in sizes if size != -1)
    filled = [rest if size == -1 else size for size in sizes]
    if sizes.count(-1) > 1 or min(filled) < 0 or sum(filled) != shape[axis]:
        raise FormatError(f"parts of {list(sizes)} do not make {shape[axis]}")
    return [_replaced(shape, axis, size) for size in filled]


def pack(call: Call) -> Shapes:
    """Operands of one shape, along a new axis."""
    shapes = {call.shape(i) for i in range(len(call.inputs))}
    if call.options.ValuesCount() != len(call.inputs) or len(shapes) > 1:
        raise FormatError(f"its {len(call.inputs)} operands cannot be stacked")
    (shape,) = shapes
    axis = call.axis(call.options.Axis(), len(shape) + 1)
    return [(*shape[:axis], len(call.inputs), *shape[axis:])]


def unpack(call: Call) -> Shapes:
    """Each element of an axis on its own."""
    shape, parts = call.shape(0), len(call.outputs)
    axis = call.axis(call.options.Axis(), len(shape))
    if not call.options.Num() == parts == shape[axis]:
        raise FormatError(f"{parts} outputs for {shape[axis]} elements")
    return [(*shape[:axis], *shape[axis + 1 :])] * parts


def gather(call: Call) -> Shapes:
    """Elements of an axis, by their indices."""
    shape, wanted = call.shape(0), call.shape(1)
    axis = call.axis(call.options.Axis(), len(shape))
    batch = call.options.BatchDims()
    batch = batch + len(wanted) if batch < 0 else batch
    if not 0 <= batch <= min(axis, len(wanted)) or shape[:batch] != wanted[:batch]:
        raise FormatError(f"{list(wanted)} indices do not fit axis {axis} of {shape}")
    call.all_below(1, shape[axis])
    return [(*shape[:axis], *wanted[batch:], *shape[axis + 1 :])]


def tile(call: Call) -> Shapes:
    """Every axis, repeated."""
    shape = call.shape(0)
    times = call.integers(1, len(shape))
    if times is None:
        return [None]
    if min(times, default=0) < 0:
        raise FormatError(f"it repeats {list(times)} times")
    return [tuple(n * t for n, t in zip(shape, times, strict=True))]


def arg_extreme(call: Call) -> Shapes:
    """Where along an axis the largest or the least element stands."""
    shape, axes = call.shape(0), call.integers(1, 1)
    if axes is None:
        return [None]
    axis = call.axis(axes[0], len(shape))
    return [(*shape[:axis], *shape[axis + 1 :])]


def densify(call: Call) -> Shapes:
    """A sparse constant with all its zeros."""
    if call.tensor(0).sparsity is None:
        raise FormatError("its input is not a sparse constant")
    return [call.shape(0)]


def reverse(call: Call) -> Shapes:
    """Axes, turned around."""
    for axis in call.integers(1) or ():
        call.axis(axis, len(call.shape(0)))
    return [call.shape(0)]


def broadcast_to(call: Call) -> Shapes:
    """The operand is stretched to the shape that the second one lists."""
    shape = call.integers(1)
    if shape is not None and broadcast_shape([call.shape(0), shape]) != shape:
        raise FormatError(f"{list(call.shape(0))} does not stretch to {list(shape)}")
    return [shape]


def broadcast_shape(shapes: Sequence[Shape]) -> Shape:
    """Return the shape that all of these can be stretched to."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        wide = set(sizes) - {1}
        if len(wide) > 1:
            raise FormatError(f"{[list(shape) for shape in shapes]} do not broadcast")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def _new_shape(call: Call) -> Shape:
    if call.options is None:
        raise FormatError("it does not say which shape it makes")
    sizes = call.listed("NewShape")
    return () if sizes == (0,) else sizes  # so old files write a scalar


def _replaced(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _weights(call: Call, filters: int, data: int = 0) -> None:
    """Check the types of the weights, input 1, and of the bias, which comes last.

    The weights of float data may be quantized; anything else has the data's type.
    """
    dtype, weights = call.tensor(data).dtype, call.tensor(1).dtype
    if dtype == "float32" and weights not in ("float32", "int8", "uint8", "int4"):
        raise FormatError(f"its weights are {weights}, its data {dtype}")
    position = max(data, 1) + 1
    bias = call.inputs[position] if position < len(call.inputs) else None
    if bias is None:
        return
    mixed = "float32" in (dtype, bias.dtype) and dtype != bias.dtype
    if mixed or math.prod(bias.shape) != filters:
        raise FormatError(
            f"a bias of {bias.dtype} {list(bias.shape)} for {filters} filters "
            f"over {dtype}"
        )


def _window(options: Any, size: list[int], kernel: list[int]) -> Shape:
    """Return (height, width) of what a window that slides over pixels gives."""
    stride = (options.StrideH(), options.StrideW())
    dilation = (1, 1)
    if hasattr(options, "DilationHFactor"):
        dilation = (options.DilationHFactor(), options.DilationWFactor())
    steps = (*kernel, *stride, *dilation)
    if min(steps) < 1 or max(steps) > MAX_STEP:
        raise FormatError(
            f"its kernel {kernel}, strides {stride} and dilations {dilation} "
            f"are not all from 1 to {MAX_STEP}"
        )
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    same = options.Padding() == 0
    spans = [n if same else n - r + 1 for n, r in zip(size, reach, strict=True)]
    if min(spans) < 1:
        raise FormatError(f"a window of {reach} does not fit {size} pixels")
    return tuple(-(-n // s) for n, s in zip(spans, stride, strict=True))
