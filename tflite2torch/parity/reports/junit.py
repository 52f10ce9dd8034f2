"""Comparisons as JUnit XML: a suite for each model, a test case for each value."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from tflite2torch.parity.layers.report import LayerReport, Outcome, ParityReport


def as_junit(outcomes: Mapping[str, Outcome]) -> bytes:
    """Return the file, of outcomes by the name of the model.

    A model that was not compared is an error; a test case named ``module`` stands
    for the module as a whole.
    """
    root = Element("testsuites", name="tflite2torch parity")
    for name, outcome in outcomes.items():
        suite = SubElement(root, "testsuite", name=name)
        if isinstance(outcome, ParityReport):
            _weights(suite, outcome)
            _whole(suite, outcome)
            for layer in outcome.layers:
                _layer(suite, outcome.name, layer)
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
    case = SubElement(suite, "testcase", classname=report.name, name="module")
    if report.failures or not report.layers:
        SubElement(case, "failure", message=_text(report.verdict))
    lines = [*report.files, *report.notes]
    SubElement(case, "system-out").text = _text("\n".join(lines))


def _layer(suite: Element, model: str, layer: LayerReport) -> None:
    case = SubElement(suite, "testcase", classname=model, name=layer.name)
    if layer.reasons:
        failure = SubElement(case, "failure", message=_text(layer.reasons[0]))
        failure.text = _text("\n".join(layer.reasons))


def _text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
