"""The charts of the page show the numbers they are drawn from."""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.layered import MIXED
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.layers.picture import draw
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.reports.charts import BLUE, RED, along_network, heat_map, histograms

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def failing(
    compare: Callable[..., ParityReport], layered: Conversion, paths: dict[int, str]
) -> ParityReport:
    """A comparison that fails from one layer on."""
    module = load_module(layered)
    with torch.no_grad():
        module.get_parameter(f"{paths[MIXED]}.bias")[1] += 1
    return compare(module)


def test_the_points_stand_for_the_layers(failing: ParityReport) -> None:
    root = ElementTree.fromstring(along_network(failing.layers, "chart"))
    points = [use for use in root.iter(f"{SVG}use") if "data-layer" in use.attrib]
    free = [p for p in points if "own inputs" not in p.findtext(f"{SVG}title", "")]
    assert len(free) == sum(layer.worst.error > 0 for layer in failing.layers)
    forced = sum(x.forced is not None and x.forced.error > 0 for x in failing.layers)
    assert len(points) - len(free) == forced
    for point in free:
        layer = failing.layers[int(point.attrib["data-layer"])]
        told = f"{layer.name}: error {layer.worst.error:.2g} of {layer.worst.limit:.2g} tolerated"
        assert point.findtext(f"{SVG}title") == f"{told}, on {layer.worst.sample}"
        assert (BLUE if layer.passed else RED) in point.attrib["style"]
    # On a log scale, heights go with the logarithm of the error.
    errors = [failing.layers[int(p.attrib["data-layer"])].worst.error for p in free]
    heights = [-float(p.attrib["y"]) for p in free]
    assert np.ptp(np.log(errors)) > 5
    assert np.corrcoef(np.log(errors), heights)[0, 1] > 0.9999
    places = [(int(p.attrib["data-layer"]), float(p.attrib["x"])) for p in free]
    assert np.corrcoef(np.array(places).T)[0, 1] > 0.9999


def test_the_axis_names_the_parts_of_the_network(failing: ParityReport) -> None:
    names = ["stem", "stage1.0.conv", "stage1.1.conv", "head: add", "a_name_that_is_far_too_long"]
    layers = [
        replace(failing.layers[0], identity=replace(failing.layers[0].identity, name=name))
        for name in names
        for _ in range(3)
    ]
    root = ElementTree.fromstring(along_network(layers, "chart"))
    ticks = [
        text.text for text in root.iter(f"{SVG}text") if "rotate(-30" in text.get("transform", "")
    ]
    assert ticks == ["stem", "stage1", "head", "a_name_that_is_far_…"]


def test_one_layer_has_its_point(failing: ParityReport) -> None:
    [layer] = [x for x in failing.layers if x.name == failing.sources[0]]
    text = along_network([layer], "chart")
    assert text.count('data-layer="0"') == 2, "running freely, and on TFLite's own inputs"


def test_it_is_the_same_text_each_time_and_whatever_the_users_style(
    failing: ParityReport,
) -> None:
    text = along_network(failing.layers, "chart")
    own = {"svg.fonttype": "path", "axes.facecolor": "black", "lines.linewidth": 9}
    with matplotlib.rc_context(own):
        assert along_network(failing.layers, "chart") == text
        assert matplotlib.rcParams["lines.linewidth"] == 9
    ids = set(re.findall(r'id="(\w+)"', text))
    assert ids
    assert not ids & set(re.findall(r'id="(\w+)"', along_network(failing.layers, "other")))


def test_matplotlib_is_named_where_it_is_missing(
    failing: ParityReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"matplotlib; pip install"):
        along_network(failing.layers, "chart")


def test_bars_are_as_high_as_their_counts() -> None:
    expected = np.repeat(np.float32([0, 0.5, 1]), [1, 10, 100]).reshape(1, 111)
    root = ElementTree.fromstring(histograms(draw(expected, expected, image=False), "chart"))
    blue = [p for p in root.iter(f"{SVG}path") if f"stroke: {BLUE}" in p.get("style", "")]
    outline = max((path.attrib["d"] for path in blue), key=len)  # the other is in the legend
    places = np.array(re.findall(r"[ML] (\S+) (\S+)", outline), float)
    heights = -places[:, 1]
    none, one, ten, hundred = np.unique(heights.round(1))
    assert none < one
    assert hundred - ten == pytest.approx(ten - one, abs=0.2), "decades"
    assert heights[np.abs(places[:, 0] - places[0, 0]) < 0.1].max() == pytest.approx(one, abs=0.1)


@pytest.mark.parametrize("size", [0, 1e-40, 1, 3e16, 3e38])
@pytest.mark.parametrize("other", [1e-7, -1.0, np.nan])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_any_numbers_can_be_drawn(size: float, other: float) -> None:
    expected = np.full((1, 1, 2, 2), size, np.float32)
    found = expected.copy()
    found[0, 0, 0, 0] += np.float32(other) * max(np.float32(size), np.float32(1))
    picture = draw(expected, found, image=True)
    for text in (histograms(picture, "values"), heat_map(picture, "map")):
        assert not re.search(r'="[^"]*\b(nan|inf)\b', text)


def test_the_map_is_bright_where_the_error_is_and_red_where_there_is_no_number() -> None:
    expected = np.zeros((1, 2, 4, 6), np.float32)
    found = expected.copy()
    found[0, 1, 3, 2] = 4
    found[0, 0, 0, 5] = np.nan
    root = ElementTree.fromstring(heat_map(draw(expected, found, image=True), "chart"))
    shown = next(root.iter(f"{SVG}image")).attrib["{http://www.w3.org/1999/xlink}href"]
    with Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (4, 6, 3)
    assert pixels[0, 5].tolist() == list(bytes.fromhex(RED.removeprefix("#")))
    brightness = pixels[..., 1]
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (3, 2)
    assert "red: NaN or infinite" in "".join(root.itertext())
