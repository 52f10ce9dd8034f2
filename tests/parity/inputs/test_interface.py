"""The manifest's description lines a module's tensors up with TFLite's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tflite2torch.parity.inputs.interface import Interface, Port

IMAGE = {
    "name": "input_1",
    "identifier": "image",
    "shape": ["N", 3, 4, 6],
    "dtype": "float32",
    "value_range": [-1, 1],
    "tensor": 5,
    "permutation": [0, 3, 1, 2],
}
SCORES = {
    "name": "model/scores;BiasAdd",
    "identifier": "scores",
    "shape": ["N", 52],
    "dtype": "float32",
    "value_range": None,
    "tensor": 9,
    "permutation": [-1, 0],
}


def test_an_image_is_channels_last_in_tflite() -> None:
    port = Port.from_manifest(IMAGE)
    assert port.tflite_shape == (1, 4, 6, 3)
    assert port.value_range == (-1, 1)
    array = np.arange(72).reshape(1, 4, 6, 3)
    moved = port.to_module(array)
    assert moved.shape == (1, 3, 4, 6)
    assert moved[0, 2, 3, 1] == array[0, 3, 1, 2]


def test_a_batch_axis_that_tflite_lacks_is_added() -> None:
    port = Port.from_manifest(SCORES)
    assert (port.tflite_shape, port.value_range) == ((52,), None)
    assert port.to_module(np.arange(52)).tolist() == [list(range(52))]


def test_an_array_of_another_rank_is_not_made_to_fit() -> None:
    with pytest.raises(ValueError, match="axes"):
        Port.from_manifest(SCORES).to_module(np.zeros((1, 52)))
    with pytest.raises(ValueError, match="axes"):
        Port.from_manifest(IMAGE).to_module(np.zeros((4, 6, 3)))


def test_a_vector_may_lack_the_two_axes_of_a_single_pixel() -> None:
    vector = Port.from_manifest({**SCORES, "shape": ["N", 4], "permutation": [0, 3]})
    assert vector.tflite_shape == (1, 1, 1, 4)
    pixel = np.arange(4.0).reshape(1, 1, 1, 4)
    assert vector.to_module(pixel).tolist() == [[0, 1, 2, 3]]
    np.testing.assert_array_equal(vector.to_tflite(vector.to_module(pixel)), pixel)
    with pytest.raises(ValueError, match="size"):
        vector.to_module(np.zeros((1, 2, 1, 4)))


@pytest.mark.parametrize(
    ("shape", "permutation"),
    [
        (["N", 3], [0, 0]),
        (["N", 3], [0, -1]),
        (["N", 3], [0, 1, 2]),
        (["N", 3], [-2, 0]),
        (["N"], []),
        ([1, 3], [0, 1]),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(
    shape: list[object], permutation: list[int]
) -> None:
    with pytest.raises(ValueError, match="scores"):
        Port.from_manifest({**SCORES, "shape": shape, "permutation": permutation})


def test_an_interface_keeps_the_order() -> None:
    entries = [SCORES, {**SCORES, "identifier": "first", "tensor": 1}]
    conversion = SimpleNamespace(inputs=[IMAGE], outputs=entries)
    interface = Interface.of(conversion)  # type: ignore[arg-type]
    assert [port.name for port in interface.inputs] == ["image"]
    assert [port.name for port in interface.outputs] == ["scores", "first"]


def test_samples_are_stacked_into_a_batch() -> None:
    conversion = SimpleNamespace(inputs=[IMAGE, SCORES], outputs=[])
    interface = Interface.of(conversion)  # type: ignore[arg-type]
    images, scores = (
        np.arange(144).reshape(2, 1, 4, 6, 3),
        np.arange(104).reshape(2, 52),
    )
    stacked = interface.stack([(images[0], scores[0]), (images[1], scores[1])])
    assert [x.shape for x in stacked] == [(2, 3, 4, 6), (2, 52)]
    assert stacked[0][1, 2, 3, 1] == images[1, 0, 3, 1, 2]
