"""Images arrive in a model as MediaPipe puts them there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tflite2torch.converter.errors import SourceError
from tflite2torch.parity.inputs.face import read_photo
from tflite2torch.parity.inputs.images import letterbox, read_image
from tflite2torch.parity.reference.environment import reference_python
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.process import ROOT
from tflite2torch.parity.reference.wire import Array

MEDIAPIPE = """
import sys
sys.path.append({root!r})
import numpy as np
from tflite2torch.parity.reference.mediapipe_worker import bindings
mediapipe, found = bindings(), []
graph = mediapipe.CalculatorGraph(graph_config='''
input_stream: "image"
output_stream: "floats"
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:tensor"
  node_options {{
    [type.googleapis.com/mediapipe.ImageToTensorCalculatorOptions] {{
      output_tensor_width: {width}
      output_tensor_height: {height}
      keep_aspect_ratio: true
      border_mode: BORDER_ZERO
      output_tensor_float_range {{ min: 0 max: 255 }}
    }}
  }}
}}
node {{
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:tensor"
  output_stream: "FLOATS:floats"
}}
''')
get = mediapipe.packet_getter.get_float_list
graph.observe_output_stream("floats", lambda _, packet: found.append(get(packet)))
graph.start_run({{}})
image = mediapipe.Image(
    image_format=mediapipe.ImageFormat.SRGB, data=np.load("image.npy")
)
packet = mediapipe.packet_creator.create_image(image)
graph.add_packet_to_input_stream("image", packet.at(1))
graph.wait_until_idle()
np.save("tensor.npy", np.array(found[0]))
"""


def mediapipes(pixels: Array, width: int, height: int, folder: Path) -> Array:
    """Return what ImageToTensorCalculator makes of an image."""
    np.save(folder / "image.npy", pixels)
    script = MEDIAPIPE.format(root=str(ROOT), width=width, height=height)
    command = [str(reference_python()), "-I", "-c", script]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    tensor: Array = np.load(folder / "tensor.npy")
    return tensor.reshape(height, width, 3)


@pytest.mark.parametrize("size", [(128, 128), (192, 192), (256, 144), (64, 200)])
@pytest.mark.parametrize("cut", [(512, 512), (300, 511), (97, 40), (31, 128)])
def test_as_mediapipe_has_it(size: tuple[int, int], cut: tuple[int, int], tmp_path: Path) -> None:
    if reason := MediaPipeReference.unavailable():
        pytest.skip(reason)
    pixels = np.ascontiguousarray(read_photo()[: cut[0], -cut[1] :])
    expected = mediapipes(pixels, *size, tmp_path)
    assert expected.std() > 20
    found = letterbox(pixels, *size)
    if cut in ((512, 512), (31, 128)):
        np.testing.assert_array_equal(found, expected)
    else:  # some places lie midway between two 32nds of a pixel: a 32nd of 255 levels
        np.testing.assert_allclose(found, expected, rtol=0, atol=8)
        assert (found != expected).mean() < 0.03


def test_an_image_of_the_right_size_stays() -> None:
    pixels = np.ascontiguousarray(read_photo()[:20, :30])
    np.testing.assert_array_equal(letterbox(pixels, 30, 20), pixels)


@pytest.mark.parametrize("turned", [False, True])
def test_proportions_are_kept_between_two_black_bars(turned: bool) -> None:
    pixels = np.full((10, 20, 3), 200, np.uint8)
    boxed = letterbox(pixels.swapaxes(0, 1) if turned else pixels, 20, 20)
    if turned:
        boxed = boxed.swapaxes(0, 1)
    rows = boxed[:, :, 1]
    assert (rows[:5] == 0).all()
    assert (rows[5:15] == 200).all()
    assert (rows[15:] == 0).all()


def test_pixels_are_places_and_nothing_is_smoothed() -> None:
    """Of a line 0, 10, …, 70, half as many places are every second one."""
    line = np.arange(0, 80, 10, np.uint8).reshape(1, 8, 1)
    pixels = np.broadcast_to(line, (8, 8, 3))
    assert letterbox(pixels, 4, 4)[0, :, 0].tolist() == [0, 20, 40, 60]
    twice = letterbox(pixels, 16, 16)[0, :, 0].tolist()
    assert twice == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 35]


def test_files(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgb.png"), pixels)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    grey = read_image(tmp_path / "grey.png")
    np.testing.assert_array_equal(grey, pixels[..., :1].repeat(3, axis=2))
    (tmp_path / "text.png").write_text("text")
    for name in ("text.png", "nothing.png"):
        with pytest.raises(SourceError, match=f"{name}: cannot be read as an image"):
            read_image(tmp_path / name)
