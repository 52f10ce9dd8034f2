"""The charts of the page as SVG text, drawn by matplotlib."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.parity.layers.picture import BINS, Picture
from tflite2torch.parity.layers.report import LayerReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AMBER, BLUE, GREY, PURPLE, RED = "#bf8700", "#0969da", "#8c959f", "#8250df", "#cf222e"
"""Colours that can be seen both on white and on the page's dark background."""

INK = "#010203"
"""Stands for the page's text colour while matplotlib draws."""

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib; the page sets its own
    "font.size": 11,
    "svg.fonttype": "none",  # text stays text
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GREY,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}

TICKS = 50
"""Names along the horizontal axis of ``along_network``: as many as there is room for."""

NAME = 20
"""Characters of such a name."""

MARKERS: dict[str, dict[str, Any]] = {
    "error": {"marker": "o", "color": BLUE, "markersize": 5},
    "error, folded": {"marker": "o", "color": BLUE, "markersize": 5, "markerfacecolor": "none"},
    "fails": {"marker": "s", "color": RED, "markersize": 6},
    "fails, folded": {"marker": "s", "color": RED, "markersize": 6, "markerfacecolor": "none"},
    "on TFLite's own inputs": {"marker": "x", "color": PURPLE, "markersize": 4},
    "NaN or infinite": {"marker": "^", "color": RED, "markersize": 9},
    "the same on TFLite's own inputs": {
        "marker": "^",
        "color": PURPLE,
        "markersize": 9,
        "markerfacecolor": "none",
    },
}
"""How the points of ``along_network`` look, by their name in the legend."""

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def along_network(layers: Sequence[LayerReport], name: str) -> str:
    """Draw the errors of layers in their order, beside their limits and noise floors.

    Each point has what it stands for as a tooltip, and the index of its layer as the attribute
    ``data-layer``. What has no error has no point.

    Args:
        layers: at least one.
        name: of the chart, as an identifier that no other one on the page has.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    numbers = [n for x in layers for n in (x.worst.error, x.worst.limit, x.worst.floor)]
    numbers += [layer.forced.error for layer in layers if layer.forced is not None]
    drawn = [number for number in numbers if 0 < number < math.inf] or [1.0]
    top = max(drawn) * 4
    points: dict[str, list[tuple[int, float, str]]] = {label: [] for label in MARKERS}
    for index, layer in enumerate(layers):
        for label, height, told in _points(layer, top):
            points[label].append((index, height, told))
    tooltips = {}
    with _chart(name, 920, 320) as figure:
        axes = figure.add_subplot(xlabel="layers in order", ylabel="largest error")
        axes.set_xlim(-1, len(layers))
        places, parts = zip(*_parts(layers), strict=True)
        axes.set_xticks(places, parts, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_ylim(min(drawn) / 3, top)
        _powers_of_ten(axes)
        # What is zero has no place on the axis.
        limits = [layer.worst.limit or math.nan for layer in layers]
        floors = [layer.worst.floor or math.nan for layer in layers]
        axes.plot(limits, label="tolerated", color=GREY, linestyle=":")
        axes.plot(floors, label="noise floor", color=AMBER)
        for number, (label, found) in enumerate(points.items()):
            if found:
                indices, heights, _ = zip(*found, strict=True)
                tooltips[f"{name}-{number}"] = [(index, told) for index, _, told in found]
                axes.plot(
                    indices,
                    heights,
                    linestyle="none",
                    label=label,
                    gid=f"{name}-{number}",
                    clip_on=False,
                    **MARKERS[label],
                )
        figure.legend(loc="outside upper left", ncols=8, handletextpad=0.3, columnspacing=1.2)
        return _as_svg(figure, "The error of each layer beside its limit and noise floor", tooltips)


def histograms(picture: Picture, name: str) -> str:
    """Draw how the values of both sides are distributed; see ``along_network``."""
    share = np.linspace(0, 1, BINS + 1)
    edges = picture.low * (1 - share) + picture.high * share
    with _chart(name, 460, 250) as figure:
        axes = figure.add_subplot(xlabel="value", ylabel="how many")
        # A bar of none ends below the axis, which has no zero.
        expected, found = (np.maximum(side.bars, 0.5) for side in (picture.expected, picture.found))
        axes.stairs(
            expected, edges, baseline=0.5, label="TFLite", color=AMBER, alpha=0.45, fill=True
        )
        axes.stairs(found, edges, baseline=0.5, label="PyTorch", color=BLUE, linewidth=1.5)
        axes.set_xlim(picture.low, picture.high)
        axes.set_ylim(0.7, 2 * max(5, *picture.expected.bars, *picture.found.bars))
        _powers_of_ten(axes)
        figure.legend(loc="outside upper left", ncols=2)
        return _as_svg(figure, "Histograms of the values of TFLite and PyTorch")


def heat_map(picture: Picture, name: str) -> str:
    """Draw where in an image the errors are; see ``along_network``."""
    heat = np.array(picture.heat)
    finite = np.isfinite(heat)
    red = "" if finite.all() else "; red: NaN or infinite"
    with _chart(name, 460, 250) as figure:
        from matplotlib import colormaps
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_subplot(title=f"where: largest error over channels{red}")
        image = axes.imshow(
            np.ma.array(heat, mask=~finite),
            cmap=colormaps["viridis"].with_extremes(bad=RED),
            vmin=0,
            vmax=heat.max(initial=0, where=finite) or 1,
            interpolation="none",
        )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        figure.colorbar(image)
        return _as_svg(figure, "Map of the largest error over channels")


def _points(layer: LayerReport, top: float) -> Iterator[tuple[str, float, str]]:
    """Yield the points of a layer: legend, height and tooltip. What is not finite is on top."""
    worst, forced = layer.worst, layer.forced
    kind = ("error" if layer.passed else "fails") + ", folded" * bool(layer.identity.inside)
    told = (
        f"{layer.name}: error {worst.error:.2g} of {worst.limit:.2g} tolerated, on {worst.sample}"
    )
    if not math.isfinite(worst.error):
        yield "NaN or infinite", top, told
    elif worst.error:
        yield kind, worst.error, told
    if forced is None or not forced.error:
        return
    told = (
        f"{layer.name} on TFLite's own inputs: error {forced.error:.2g} of {forced.limit:.2g} "
        f"tolerated, on {forced.sample}"
    )
    if math.isfinite(forced.error):
        yield "on TFLite's own inputs", forced.error, told
    else:
        yield "the same on TFLite's own inputs", top, told


def _parts(layers: Sequence[LayerReport]) -> Iterator[tuple[int, str]]:
    """Yield where each part of the network begins, and its name: ``stem``, ``stage1``.

    Of parts that begin too close to each other for their names, only the first is named.
    """
    last, part = -math.inf, ""
    for index, layer in enumerate(layers):
        name = re.split(r"[.:]", layer.name)[0]
        if name != part and index - last >= len(layers) / TICKS:
            yield index, name if len(name) <= NAME else f"{name[: NAME - 1]}…"
            last = index
        part = name


def _powers_of_ten(axes: Axes) -> None:
    """Make the upright axis logarithmic, with its numbers as in the page's table: 1e-5, 100."""

    def written(value: float, _: float) -> str:
        return f"{value:g}" if 1 <= value < 1e4 else f"1e{round(math.log10(value))}"

    axes.set_yscale("log")
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(written)
    axes.grid(axis="y")


@contextmanager
def _chart(name: str, width: float, height: float) -> Iterator[Figure]:
    """Give a figure of a size in pixels to draw in, whatever the user's own style is."""
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            f'the charts of --html need {error.name}; pip install "tflite2torch[parity]"'
        ) from error
    with style.context(["default", {**STYLE, "svg.hashsalt": name}]):
        yield Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")


def _as_svg(
    figure: Figure, title: str, tooltips: dict[str, list[tuple[int, str]]] | None = None
) -> str:
    """Return a figure as an ``svg`` element.

    Args:
        figure: what is drawn.
        title: what screen readers say of it.
        tooltips: for the points of a line, by its gid, their layers and tooltips.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(file.getvalue().replace(INK, "currentColor"))
    for element in root.iter():
        for place in {"d", "x", "y"} & element.attrib.keys():
            # A hundredth of a pixel is enough.
            element.set(place, re.sub(r"(\.\d\d)\d+", r"\1", element.attrib[place]))
        if element.tail is not None and not element.tail.strip():
            element.tail = None
        if element.text is not None and not element.text.strip():
            element.text = None
    for group in root.iter(f"{{{SVG}}}g"):
        # The others are numbers that start anew in every chart; nothing refers to them.
        told = (tooltips or {}).get(group.attrib.pop("id", ""), [])
        points = list(group.iter(f"{{{SVG}}}use")) if told else []
        for point, (layer, text) in zip(points, told, strict=True):
            point.set("data-layer", str(layer))
            ElementTree.SubElement(point, f"{{{SVG}}}title").text = text
    for element in root.iter():
        style = element.attrib.get("style", "")
        if element.tag == f"{{{SVG}}}text":
            element.set("style", re.sub(r"font-family: '[^']*'; ", "", style))  # the page's own
        if element.attrib.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    root.set("role", "img")
    root.set("aria-label", title)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode")
