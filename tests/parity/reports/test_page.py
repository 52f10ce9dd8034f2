"""The HTML page in a real browser: it draws, sorts and filters, and logs no error."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.layered import MIXED
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.layers.picture import BINS, CELLS, draw
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.reports.html import as_page

Compare = Callable[..., ParityReport]

WATCH = """<script>
const problems = [];
addEventListener("error", (event) => problems.push(String(event.message)));
for (const kind of ["error", "warn"])
  console[kind] = (...said) => problems.push(said.join(" "));
</script>"""

DRIVE = """<script>
addEventListener("load", () => setTimeout(() => {
  const section = document.querySelector("section");
  const names = () => [...section.querySelectorAll("tbody tr")].map(
    (row) => row.firstChild.textContent);
  const seen = { worst: names() };
  const heading = (text) => [...section.querySelectorAll("th button")].find(
    (button) => button.textContent === text);
  const column = (text) => [...section.querySelectorAll("th")].indexOf(heading(text).parentNode);
  const tensors = () => [...section.querySelectorAll("tbody tr")].map(
    (row) => Number(row.children[column("tensor")].textContent));
  heading("tensor").click();
  seen.down = tensors();
  heading("tensor").click();
  seen.up = tensors();
  seen.folded = section.querySelectorAll("tr.folded").length;
  seen.source = [...section.querySelectorAll("tr.source")].map(
    (row) => row.firstChild.textContent);
  const search = section.querySelector("input[type=search]");
  search.value = "INTERPOLATE";
  search.dispatchEvent(new Event("input"));
  seen.filtered = names();
  search.value = "";
  section.querySelector("input[type=checkbox]").click();
  seen.failing = names();
  const row = section.querySelector("tbody tr");
  row.click();
  seen.opened = section.querySelector("tr.about").textContent;
  row.click();
  seen.closed = section.querySelectorAll("tr.about").length;
  seen.summary = [...document.querySelectorAll("#summary tbody td")].map(
    (cell) => cell.textContent);
  seen.images = [...section.querySelectorAll(".inputs img")].map(
    (image) => image.naturalWidth * image.naturalHeight);
  seen.width = innerWidth;
  seen.overflow = document.documentElement.scrollWidth - innerWidth;
  seen.charts = [...section.querySelectorAll(".chart")].map((chart) => {
    const { width, height } = chart.firstChild.getBoundingClientRect();
    return [chart.firstChild.getAttribute("aria-label"), width > 400 && height > 100];
  });
  seen.wider = [...section.querySelectorAll(".pair .chart")].filter(
    (chart) => chart.scrollWidth > chart.clientWidth).length;
  const point = section.querySelector(".chart [data-layer]");
  seen.tooltip = point.textContent;
  point.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  seen.pointed = section.querySelector("tr.about").previousSibling.firstChild.textContent;
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  seen.repeated = ids.filter((id, index) => ids.indexOf(id) !== index);
  const frame = section.querySelector(".more");
  seen.more = frame.classList.contains("right");
  const scroll = frame.firstChild;
  scroll.scrollLeft = scroll.scrollWidth;
  scroll.dispatchEvent(new Event("scroll"));
  seen.end = frame.classList.contains("right");
  const summary = document.getElementById("summary");
  seen.cut = summary.scrollWidth - summary.parentNode.clientWidth;
  const [along, , heat] = section.querySelectorAll(".chart");
  seen.legend = [...along.querySelectorAll("text")].map((text) => text.textContent);
  seen.title = heat.textContent;
  seen.text = document.body.innerText;
  seen.requests = performance.getEntriesByType("resource").length;
  seen.problems = problems;
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
}, 1000));
</script>"""


def look(page: str, folder: Path, width: int) -> dict[str, Any]:
    """Open a page in a browser window and return what is on it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium or google-chrome to open the page in")
    path = folder / "page.html"
    watched = page.replace("<head>", "<head>" + WATCH, 1)
    head, end, tail = watched.rpartition("</body>")
    path.write_text(head + DRIVE + end + tail, encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --virtual-time-budget=20000"
    process = subprocess.run(
        [
            browser,
            *options.split(),
            f"--user-data-dir={folder}",
            f"--window-size={width},900",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    found = re.search(r'<pre id="result">(.*?)</pre>', process.stdout, re.DOTALL)
    assert found is not None, process.stderr
    seen: dict[str, Any] = json.loads(unescape(found[1]))
    return seen


@pytest.fixture(scope="module")
def failing(compare: Compare, layered: Conversion, paths: dict[int, str]) -> ParityReport:
    """A comparison that fails at one layer, with pictures."""
    module = load_module(layered)
    with torch.no_grad():
        module.get_parameter(f"{paths[MIXED]}.bias")[1] += 1
    return compare(module, pictures=True)


@pytest.mark.parametrize("width", [1280, 500])  # of a phone; browsers go no narrower
def test_the_page_in_a_browser(failing: ParityReport, tmp_path: Path, width: int) -> None:
    seen = look(as_page({"layered": failing}), tmp_path, width)
    assert seen["width"] == width
    assert seen["problems"] == []
    assert seen["requests"] == 0
    names = [layer.name for layer in failing.worst_first]
    assert seen["worst"] == names
    tensors = sorted(layer.identity.tensor for layer in failing.layers)
    assert seen["up"] == tensors
    assert seen["down"] == tensors[::-1]
    assert seen["source"] == list(failing.sources)
    assert len(failing.sources) == 1
    assert seen["filtered"] == ["forward: interpolate"]
    assert seen["folded"] == 0
    failed = [layer for layer in failing.layers if not layer.passed]
    opened = min(failed, key=lambda layer: layer.identity.tensor)  # the table is sorted by it
    assert opened.failures[0] in seen["opened"]
    assert seen["closed"] == 0
    assert seen["summary"][:2] == ["layered", "fails"]
    assert seen["images"] == [16 * 12] * 3
    assert (seen["more"], seen["end"]) == (True, False), "a shadow till the last column"
    assert seen["cut"] <= 0, "the summary fits"
    assert seen["overflow"] <= 0, "nothing but the table scrolls sideways"
    assert 0 < len(seen["failing"]) < len(names)
    assert failing.layers[0].name.endswith(": relu")
    assert failing.layers[0].name not in seen["failing"]
    assert len(seen["charts"]) == 1 + 2 * len(set(tensors)), "both pictures of each"
    labels, sizes = zip(*seen["charts"], strict=True)
    assert len(set(labels)) == 3
    assert all(sizes)
    assert seen["wider"] == 0
    layer = next(layer for layer in failing.layers if layer.passed and layer.worst.error)
    assert seen["tooltip"].startswith(f"{layer.name}: error {layer.worst.error:.2g} of ")
    assert seen["pointed"] == layer.name
    assert seen["repeated"] == []
    for said in (failing.verdict, failing.sha256, "ai-edge-litert", failing.runtime):
        assert said in seen["text"]
    for sample in failing.samples:
        assert f"\n{sample}\n" in seen["text"]


def test_what_is_not_a_number_is_drawn(
    compare: Compare, layered: Conversion, paths: dict[int, str], tmp_path: Path
) -> None:
    module = load_module(layered)
    with torch.no_grad():
        module.get_parameter(f"{paths[MIXED]}.bias")[1] = torch.nan
    seen = look(as_page({"layered": compare(module, pictures=True)}), tmp_path, 1280)
    assert seen["problems"] == []
    assert seen["legend"][-2:] == ["NaN or infinite", "the same on TFLite's own inputs"]
    assert "red: NaN or infinite" in seen["title"]
    assert "Triangles at the upper edge: NaN or infinite" in seen["text"]
    count = 8 * 6  # a whole channel
    told = f"Not in the histogram: PyTorch has {count} NaN and 0 infinite values."
    assert told in seen["text"]


def test_a_reference_that_failed_is_told_and_needs_no_charts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    error = ReferenceFailedError("model: </script><b>ended</b>")
    page = as_page({"model": error})
    assert "</script><b>" not in page.partition('id="data"')[2]
    assert "https://" not in page


def test_a_picture_shows_where_and_by_how_much() -> None:
    expected = np.zeros((1, 2, 96, 6), np.float32)
    found = expected.copy()
    found[0, 1, 95, 2] = 4
    picture = draw(expected, found, image=True)
    heat = np.array(picture.heat)
    assert heat.shape == (CELLS, 6)
    assert np.argwhere(heat).tolist() == [[47, 2]]
    assert heat[47, 2] == 4
    assert (picture.low, picture.high, len(picture.found.bars)) == (0, 4, BINS)
    before, after = picture.expected.bars, picture.found.bars
    assert (before[0], before[-1]) == (expected.size, 0)
    assert (after[0], after[-1]) == (expected.size - 1, 1)


def test_a_picture_of_what_is_not_finite() -> None:
    expected = np.ones((1, 1, 2, 2), np.float32)
    found = expected.copy()
    found[0, 0, 1, 0] = np.nan
    picture = draw(expected, found, image=True)
    assert np.isinf(np.array(picture.heat)).tolist() == [[False, False], [True, False]]
    assert sum(picture.found.bars) == 3
    assert (picture.found.nan, picture.found.infinite) == (1, 0)
    both = draw(found * np.nan, found * np.nan, image=True)
    assert both.expected.bars == (0,) * BINS
    assert both.heat == ((0, 0), (0, 0)), "NaN on both sides is no difference"


@pytest.mark.parametrize("size", [0, 1e-40, 1, 3e14, 3e16, 3e38])
@pytest.mark.parametrize("other", [0.0, 1e-7, 1.0, -1.0, np.inf, -np.inf, np.nan])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_any_numbers_can_be_drawn(size: float, other: float) -> None:
    expected = np.full((1, 1, 2, 2), size, np.float32)
    found = expected.copy()
    found[0, 0, 0, 0] += np.float32(other) * max(np.float32(size), np.float32(1))
    picture = draw(expected, found, image=True)
    for side, values in ((picture.expected, expected), (picture.found, found)):
        assert sum(side.bars) + side.nan + side.infinite == values.size
    assert picture.low < picture.high
