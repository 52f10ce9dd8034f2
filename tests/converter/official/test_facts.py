"""What the table of official models adds to a file's own metadata."""

from __future__ import annotations

from tflite2torch.converter.graph.metadata import ModelMetadata, TensorMetadata
from tflite2torch.converter.graph.value import N
from tflite2torch.converter.official.facts import TABLE, with_facts

DETECTOR = "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f"
IMAGE, BOXES, SCORES = (N, 3, 128, 128), (N, 896, 16), (N, 896, 1)


def test_official_file() -> None:
    found = with_facts(ModelMetadata(), DETECTOR, [IMAGE], [BOXES, SCORES])
    assert found.known
    assert found.licence == "Apache-2.0"
    assert found.inputs[0].value_range == (-1.0, 1.0)
    assert found.outputs[1].unit == "logit"


def test_model_that_is_recognized_by_its_shapes() -> None:
    """Its images and scores may be others, and it may be anybody's."""
    own = ModelMetadata(inputs=[TensorMetadata("x", "in my words", (0.0, 1.0))], licence="MIT")
    found = with_facts(own, "", [IMAGE], [BOXES, SCORES])
    assert found.known
    assert found.licence == "MIT"
    assert found.inputs[0].value_range == (0.0, 1.0)
    assert found.inputs[0].description == "in my words"
    assert found.outputs[0].unit == "pixel units relative to the anchor"
    assert found.outputs[1].unit == ""


def test_other_shapes() -> None:
    own = ModelMetadata("theirs")
    for shapes in (
        ([(N, 3, 128, 129)], [BOXES, SCORES]),
        ([IMAGE], [SCORES, BOXES]),
        ([IMAGE], [BOXES]),
        ([IMAGE, IMAGE], [BOXES, SCORES]),
    ):
        assert with_facts(own, DETECTOR, *shapes) is own


def test_a_pixel_is_a_vector() -> None:
    entry = next(e for e in TABLE if e.outputs[0][0] == (896, 16))
    assert with_facts(ModelMetadata(), "", [IMAGE], [BOXES, (N, 896, 1, 1)]).title == entry.title
