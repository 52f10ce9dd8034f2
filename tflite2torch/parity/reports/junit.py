"""Comparisons as JUnit XML: a suite for each model, a test case for each value."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from tflite2torch.parity.layers.report import LayerReport, Outcome, ParityReport


def as_junit(outcomes: Mapping[str, Outcome]) -> bytes:
    """Return the file, of outcomes by the name of the model.

    A model that was not compared is an error; a test case named ``module`` stands for the
    module as a whole, and fails where the model does. The failure of a layer has the type
    ``source`` where the error arises in it, else ``layer``. ``time`` is in seconds, of a whole
    comparison: its layers run side by side and have none of their own.
    """
    root = Element("testsuites", name="tflite2torch parity")
    for name, outcome in outcomes.items():
        suite = SubElement(root, "testsuite", name=name)
        if isinstance(outcome, ParityReport):
            _weights(suite, outcome)
            _whole(suite, outcome)
            for layer in outcome.layers:
                _layer(suite, outcome, layer)
        else:
            case = SubElement(suite, "testcase", classname=name, name="reference")
            SubElement(case, "error", message=_text(str(outcome)))
        for kind in ("failure", "error"):
            count = len(suite.findall(f"testcase/{kind}"))
            suite.set(f"{kind}s", str(count))
        suite.set("tests", str(len(suite.findall("testcase"))))
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _weights(suite: Element, report: ParityReport) -> None:
    exercised, total = report.weights
    properties = SubElement(suite, "properties")
    for name, number in (("weights", total), ("weights exercised", exercised)):
        SubElement(properties, "property", name=name, value=str(number))


def _whole(suite: Element, report: ParityReport) -> None:
    seconds = f"{report.seconds:.3f}"
    suite.set("time", seconds)
    case = SubElement(suite, "testcase", classname=report.name, name="module", time=seconds)
    if not report.passed:
        failure = SubElement(case, "failure", type="module", message=_text(report.verdict))
        failure.text = _text("\n".join(report.failures))
    lines = [*report.files, *report.notes]
    SubElement(case, "system-out").text = _text("\n".join(lines))


def _layer(suite: Element, report: ParityReport, layer: LayerReport) -> None:
    case = SubElement(suite, "testcase", classname=report.name, name=layer.name)
    if layer.reasons:
        kind = "source" if layer.name in report.sources else "layer"
        failure = SubElement(case, "failure", type=kind, message=_text(layer.reasons[0]))
        failure.text = _text("\n".join(layer.reasons))


def _text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
