"""Which networks take images of other sizes, and which cell of which map a detector's rows are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor

from tests.support.layers import Image, Layers
from tests.support.models import Operand, Ref
from tests.support.operators import ULP, convert_bytes, normal
from tests.support.reference import run_reference
from tests.support.resized import resized_model
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.planning.sizes import Sizes

SIZE = (8, 16)
ULPS = 400
"""The longest sums of these networks have a hundred terms, and there are a few in a row."""


class Sized(Layers):
    """A network of one image, and more that these tests need."""

    def __init__(self, height: int = SIZE[0], width: int = SIZE[1]) -> None:
        super().__init__(seed=1)
        self.x = self.image(height, width, 3)

    def overall_mean(self, x: Image, *, keep: bool) -> Ref:
        """Average over all pixels."""
        axes = np.array([1, 2], np.int32)
        options = schema.ReducerOptionsT(keepDims=keep)
        return self.operator("MEAN", [x.ref, axes], options=options)[0]

    def rows(self, x: Image, width: int) -> Ref:
        """Lay a map out as rows of numbers."""
        return self.reshape(x.ref, 1, x.height * x.width * x.channels // width, width)

    def concatenated(self, parts: list[Ref], axis: int = 1) -> Ref:
        options = schema.ConcatenationOptionsT(axis=axis)
        return self.operator("CONCATENATION", parts, options=options)[0]

    def upsampled(self, x: Image, factor: int = 2) -> Image:
        return self.resized(x, factor * x.height, factor * x.width)


def strided(b: Sized, stride: int = 2) -> Ref:
    return b.convolve(b.x, 4, 3, stride).ref


def pooled(b: Sized) -> Ref:
    return b.pool(b.convolve(b.x, 4, 5, 2)).ref


def three_levels(b: Sized) -> Ref:
    x = b.convolve(b.x, 4, 3, 2)
    x = b.depthwise(x, 5, 2)
    return b.convolve(x, 4, 3, 2).ref


def gated(b: Sized) -> Ref:
    return b.excited(b.convolve(b.x, 4, 3, 2)).ref


def pyramid(b: Sized) -> Ref:
    fine = b.convolve(b.x, 4, 3, 2)
    coarse = b.convolve(fine, 4, 3, 2)
    return b.sum(b.upsampled(coarse), fine).ref


def one_map_as_rows(b: Sized) -> Ref:
    return b.rows(b.convolve(b.x, 6, 3, 2), 3)


def framed(b: Sized) -> Ref:
    """What a frame adds, a convolution without padding takes away."""
    framed = b.padded(b.x, 0, pixels=1)
    return b.convolve(framed, 4, 3, same=False).ref


def normalized_by_channel(b: Sized) -> Ref:
    scaled = b.like(b.x, b.mul(b.x.ref, b.drawn(1, 1, 1, 3)))
    return b.convolve(scaled, 4, 3, 2).ref


FREE: dict[Callable[[Sized], Ref], int] = {
    lambda b: strided(b, 1): 1,
    strided: 2,
    lambda b: strided(b, 8): 8,
    pooled: 4,
    three_levels: 8,
    gated: 2,
    pyramid: 4,
    one_map_as_rows: 2,
    framed: 1,
    normalized_by_channel: 2,
}
"""Networks, and what sides of images have to be multiples of."""


@pytest.mark.parametrize(("write", "multiple"), FREE.items())
def test_a_fully_convolutional_network_takes_other_sizes(
    write: Callable[[Sized], Ref], multiple: int
) -> None:
    """It gives what TFLite gives where the file is edited to take them."""
    b = Sized()
    model = b.build([write(b)])
    conversion = convert_bytes(model)
    assert conversion.sizes.multiple == multiple
    module = load_module(conversion)
    height, width = 3 * multiple, 5 * multiple
    sample = normal(np.random.default_rng(0), (1, height, width, 3))
    (answer,) = run_reference(resized_model(model, height, width), [sample])
    expected = torch.from_numpy(answer)
    expected = expected.permute(0, 3, 1, 2) if expected.ndim == 4 else expected
    result = module(torch.from_numpy(sample).permute(0, 3, 1, 2))
    limit = ULPS * ULP * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(result, expected, rtol=0, atol=limit)
    for wrong in ((1, 3, height + 1, width), (1, 3, height, width + 1)) if multiple > 1 else ():
        assert_refused(conversion, *wrong)
    assert_refused(conversion, 3, height, width)
    # A first convolution refuses these by itself.
    for wrong in ((1, 3, height, width, 1), (1, 1, height, width), (1, 4, height, width)):
        with pytest.raises((ValueError, RuntimeError), match=r"\[1, .*\]"):
            module(torch.zeros(wrong))
    others = f"other multiples of {multiple}" if multiple > 1 else "any other"
    assert f"Height and width may also be {others}.\n" in conversion.source


def without_padding(b: Sized) -> Ref:
    return b.convolve(b.x, 4, 3, same=False).ref


def averaged(b: Sized) -> Ref:
    return b.overall_mean(b.convolve(b.x, 4, 3, 2), keep=False)


def averaged_to_a_pixel(b: Sized) -> Ref:
    return b.overall_mean(b.convolve(b.x, 4, 3, 2), keep=True)


def flattened(b: Sized) -> Ref:
    x = b.convolve(b.x, 4, 3, 2)
    operands: list[Operand] = [b.reshape(x.ref, 1, 128), b.drawn(5, 128), b.drawn(5)]
    return b.operator("FULLY_CONNECTED", operands, options=schema.FullyConnectedOptionsT())[0]


def resized_to_a_size(b: Sized) -> Ref:
    return b.resized(b.convolve(b.x, 4, 3, 2), 6, 12).ref


def with_a_constant_image(b: Sized) -> Ref:
    x = b.convolve(b.x, 4, 3, 2)
    return b.add(x.ref, b.drawn(1, 4, 8, 4))


def with_a_constant_row(b: Sized) -> Ref:
    """Its height follows the image, its width does not."""
    x = b.convolve(b.x, 4, 3, 2)
    return b.add(x.ref, b.drawn(1, 1, 8, 4))


def beside_a_constant_image(b: Sized) -> Ref:
    (constant,) = b.operator("DEQUANTIZE", [np.ones((1, 4, 8, 2), np.float16)])
    return b.concatenated([b.convolve(b.x, 4, 3, 2).ref, constant], axis=3)


def with_some_rows_cut(b: Sized) -> Ref:
    rows = b.rows(b.convolve(b.x, 4, 3, 2), 4)
    begin, size = np.int32([0, 0, 0]), np.int32([1, 10, 4])
    (cut,) = b.operator("SLICE", [rows, begin, size], options=schema.SliceOptionsT())
    other = b.rows(b.convolve(b.x, 4, 3, 4), 4)
    return b.concatenated([cut, b.function("NEG", other)])


def with_rows_added(b: Sized) -> Ref:
    rows = b.rows(b.convolve(b.x, 4, 3, 2), 4)
    amounts = np.int32([[0, 0], [0, 2], [0, 0]])
    return b.operator("PAD", [rows, amounts], options=schema.PadOptionsT())[0]


def two_pixels_a_row(b: Sized) -> Ref:
    maps = [b.convolve(b.x, 4, 3, stride) for stride in (2, 4)]
    return b.concatenated([b.rows(x, 8) for x in maps])


def cropped(b: Sized) -> Ref:
    """As large as a map of stride 2."""
    begin, size = np.int32([0, 1, 2, 0]), np.int32([1, 4, 8, 3])
    return b.operator("SLICE", [b.x.ref, begin, size], options=schema.SliceOptionsT())[0]


def pooled_over(x: Ref, b: Sized, height: int, width: int) -> Ref:
    options = schema.Pool2DOptionsT(
        filterHeight=height, filterWidth=width, strideH=height, strideW=width
    )
    return b.operator("MAX_POOL_2D", [x], options=options)[0]


@pytest.mark.parametrize(
    "write",
    [
        without_padding,
        averaged,
        averaged_to_a_pixel,
        flattened,
        resized_to_a_size,
        with_a_constant_image,
        with_a_constant_row,
        beside_a_constant_image,
        with_some_rows_cut,
        with_rows_added,
        two_pixels_a_row,
        cropped,
    ],
)
def test_other_networks_take_the_size_in_their_file_alone(write: Callable[[Sized], Ref]) -> None:
    b = Sized()
    assert_fixed(b, [write(b)])


def test_a_map_of_one_pixel_is_no_average() -> None:
    """Only at the size in the file do both have one pixel, and can stand side by side."""
    b = Sized(8, 8)
    pixel = b.convolve(b.x, 4, 3, 8)
    mean = Image(b.overall_mean(b.x, keep=True), 1, 1, 3)
    mixed = b.convolve(b.joined([pixel, mean]), 4)
    assert_fixed(b, [b.upsampled(mixed).ref], (8, 8))


def test_sizes_that_are_no_multiple_of_the_stride() -> None:
    """TFLite's SAME pads other sides of them."""
    b = Sized(9, 16)
    assert_fixed(b, [strided(b)], (9, 16))


def test_sizes_that_happen_to_be_proportional() -> None:
    """A convolution without padding halves an image of 4 x 4, and no other."""
    b = Sized(4, 4)
    assert_fixed(b, [without_padding(b)], (4, 4))


def test_strides_that_do_not_divide_each_other() -> None:
    b = Sized(12, 18)
    maps = [pooled_over(b.x.ref, b, stride, stride) for stride in (2, 3)]
    assert convert_bytes(b.build(maps)).sizes.multiple == 6


def test_a_stride_across_that_does_not_divide_the_height() -> None:
    b = Sized(4, 16)
    assert_fixed(b, [pooled_over(b.x.ref, b, 2, 8)], (4, 16))


def test_one_output_of_two_that_does_not_grow() -> None:
    b = Sized()
    assert_fixed(b, [strided(b), averaged(b)])


def test_two_inputs() -> None:
    b = Sized()
    other = b.image(*SIZE, 3)
    conversion = convert_bytes(b.build([b.convolve(b.sum(b.x, other), 4).ref]))
    assert conversion.sizes == Sizes(None, None)
    module, x = load_module(conversion), torch.zeros(1, 3, *SIZE)
    with pytest.raises(ValueError, match=r"^input2: takes \(N, 3, 8, 16\), not torch"):
        module(x, x[..., :1])


def assert_fixed(b: Sized, outputs: list[Ref], size: tuple[int, int] = SIZE) -> None:
    """Assert that a network takes images of one size, and says so."""
    conversion = convert_bytes(b.build(outputs))
    assert conversion.sizes.multiple is None
    assert "may also be" not in conversion.source
    height, width = size
    for wrong in ((2 * height, 2 * width), (height + 16, width), (width, height + 1)):
        assert_refused(conversion, 1, 3, *wrong)


def assert_refused(conversion: Conversion, *shape: int) -> None:
    """Assert that a module names the shape that it takes and the one that it is given."""
    with pytest.raises(ValueError, match=r"^takes \(N, 3, ") as raised:
        load_module(conversion)(torch.zeros(shape))
    assert str(raised.value).endswith(f", not {torch.Size(shape)}")


CHANNELS = 3
ANCHORS = ((2, 2), (4, 1), (8, 3))
"""For each map its stride, and how many anchors a cell has."""


def detector(widths: tuple[int, ...], *, score: str = "") -> bytes:
    """Return a network of several maps, whose convolutions copy what is in the image.

    The first channel of a map is that of the image at the first pixel of each cell.
    """
    b = Sized()
    outputs = []
    for width in widths:
        parts = []
        for stride, count in ANCHORS:
            weight = np.zeros((count * width, 1, 1, CHANNELS), np.float32)
            weight[:, 0, 0, 0] = np.arange(count * width) + 1
            options = schema.Conv2DOptionsT(strideH=stride, strideW=stride)
            operands: list[Operand] = [b.x.ref, weight, np.zeros(count * width, np.float32)]
            (ref,) = b.operator("CONV_2D", operands, options=options)
            size = SIZE[0] // stride, SIZE[1] // stride
            parts.append(b.rows(Image(ref, *size, count * width), width))
        outputs.append(b.concatenated(parts))
    if score:
        outputs[-1] = b.function(score, outputs[-1])
    return b.build(outputs)


def test_row_k_belongs_to_anchor_k() -> None:
    conversion = convert_bytes(detector((4, 1)))
    assert conversion.sizes == Sizes(8, ANCHORS)
    assert "anchor_grid = ((2, 2), (4, 1), (8, 3))" in conversion.source
    said = " ".join(conversion.source.split())
    assert "row by row: 2 of stride 2, then 1 of stride 4, then 3 of stride 8." in said
    module = load_module(conversion)
    for height, width in (SIZE, (16, 8), (24, 40)):
        image = torch.zeros(1, CHANNELS, height, width)
        image[0, 0] = 100 * torch.arange(height).unsqueeze(1) + torch.arange(width)
        boxes, scores = module(image)
        expected = [
            (image[0, 0, row * stride, column * stride], anchor)
            for stride, count in ANCHORS
            for row in range(height // stride)
            for column in range(width // stride)
            for anchor in range(count)
        ]
        assert boxes[0].tolist() == [
            [float(pixel) * (4 * anchor + k + 1) for k in range(4)] for pixel, anchor in expected
        ]
        assert scores[0].tolist() == [[float(pixel) * (anchor + 1)] for pixel, anchor in expected]


def test_a_sigmoid_leaves_rows_where_they_are() -> None:
    conversion = convert_bytes(detector((4, 1), score="LOGISTIC"))
    assert conversion.sizes.anchor_grid == ANCHORS


def test_networks_that_are_no_detectors_have_no_anchors() -> None:
    assert convert_bytes(detector((4,))).sizes == Sizes(8, None)
    b = Sized()
    rows = [b.rows(b.convolve(b.x, 4, 3, stride), 4) for stride in (2, 4)]
    assert convert_bytes(b.build(rows)).sizes == Sizes(4, None)


def test_rows_of_two_pixels_are_no_anchors() -> None:
    b = Sized()
    conversion = convert_bytes(b.build([two_pixels_a_row(b), two_pixels_a_row(b)]))
    assert conversion.sizes == Sizes(None, None)


def test_cells_that_are_not_square_are_no_anchors() -> None:
    b = Sized(8, 8)
    rows = [b.rows(b.convolve(Image(pooled_over(b.x.ref, b, 2, 4), 4, 2, 3), n), n) for n in (4, 1)]
    assert convert_bytes(b.build(rows)).sizes == Sizes(4, None)


def test_a_detector_of_one_size_has_anchors_too() -> None:
    """Its image is no multiple of its stride in the file alone; so is a map that is cut."""
    b = Sized()
    x = b.convolve(b.x, 5, 3, 2)
    whole = [b.rows(b.convolve(b.like(x, b.add(x.ref, b.drawn(1, 4, 8, 5))), n), n) for n in (4, 1)]
    assert convert_bytes(b.build(whole)).sizes == Sizes(None, ((2, 1),))
    b = Sized()
    cut = b.convolve(b.convolve(b.x, 5, 3, 2), 5, 3, same=False)
    rows = [b.rows(b.convolve(cut, n), n) for n in (4, 1)]
    assert convert_bytes(b.build(rows)).sizes == Sizes(None, None)


def test_the_traced_module_checks_nothing_and_the_module_does() -> None:
    """A proxy of torch.fx has no size to check."""
    b = Sized()
    conversion = convert_bytes(b.build([strided(b)]))
    module = load_module(conversion)
    traced = torch.fx.symbolic_trace(module)
    x: Tensor = torch.rand(2, 3, 6, 10)
    assert torch.equal(traced(x), module(x))
    assert_refused(conversion, 2, 3, 6, 11)
