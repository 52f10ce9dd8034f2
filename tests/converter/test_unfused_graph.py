"""The unfused graph keeps every tensor that the passes fuse into layers, in torch's layout."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.official import FACTS
from tests.support.operators import all_nodes
from tflite2torch.converter.convert import unfused_graph
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.nodes.pad import Pad


def computed(model: TfliteModel) -> set[int]:
    """Return the tensors that depend on an input."""
    known = set(model.inputs)
    for operator in model.operators:
        if known.intersection(operator.inputs):
            known.update(operator.outputs)
    return known - set(model.inputs)


@pytest.mark.parametrize("name", FACTS)
def test_every_tensor_of_official_models(official: Callable[[str], ModelFile], name: str) -> None:
    model = read_model(official(name))
    graph = unfused_graph(model, "model")
    graph.verify()
    values = [value for node in graph.nodes for value in node.outputs]
    origins = {value.origin.index for value in values if value.origin is not None}
    assert origins >= computed(model)


def test_nothing_is_fused(official: Callable[[str], ModelFile]) -> None:
    blendshapes = read_model(official("face_blendshapes"))
    norms = list(all_nodes(unfused_graph(blendshapes, "model").nodes))
    kinds = [node.function for node in norms if isinstance(node, Elementwise)]
    assert kinds.count("rsqrt") == 8
    assert not any(isinstance(node, LayerNorm) for node in norms)
    sparse = read_model(official("wheel/face_detection_full_range_sparse"))
    pads = [node for node in unfused_graph(sparse, "model").nodes if type(node) is Pad]
    written = [o for o in sparse.operators if o.name == "PAD"]
    assert len(pads) == len(written) > 40
