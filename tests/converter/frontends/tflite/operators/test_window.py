"""Where a window is padded: the odd pixel goes right and bottom."""

from __future__ import annotations

import pytest

from tflite2torch.converter.frontends.tflite.operators.window import with_same_padding
from tflite2torch.converter.graph.nodes.window import Window


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "padding"),
    [
        ((128, 128), (5, 5), (2, 2), (1, 1), ((1, 2), (1, 2))),
        ((129, 128), (3, 3), (2, 2), (1, 1), ((1, 1), (0, 1))),
        ((8, 9), (3, 2), (1, 1), (1, 1), ((1, 1), (0, 1))),
        ((8, 9), (3, 3), (1, 1), (2, 3), ((2, 2), (3, 3))),
        ((7, 7), (2, 2), (3, 3), (1, 1), ((0, 1), (0, 1))),
        ((6, 6), (1, 1), (2, 3), (1, 1), ((0, 0), (0, 0))),
    ],
)
def test_same_as_numbers(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    window = with_same_padding(Window(kernel, stride, dilation), size)
    assert window.padding == padding
    strided = zip(size, stride, strict=True)
    assert window.output(size) == tuple(-(-n // s) for n, s in strided)


def test_the_output_of_a_window_with_any_padding() -> None:
    window = Window((3, 3), (2, 2), padding=((0, 1), (2, 3)))
    assert window.output((8, 6)) == (4, 5)
