"""What a conversion folds into layers is computed again, compared, and never mistaken.

A tensor that is computed again counts as compared, and as folded; a fault in the layer is
the layer's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tests.support.random_graphs import RandomNetwork
from tests.support.reference import run_reference
from tflite2torch.converter.convert import Conversion, unfused_graph
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.value import N, Provenance, Value
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.coverage import operators_of
from tflite2torch.parity.align.folded import Folded, find_folded, relabelled
from tflite2torch.parity.align.follow import Follower
from tflite2torch.parity.align.lockstep import Step
from tflite2torch.parity.align.trace import Layer, trace_conversion
from tflite2torch.parity.align.unfused import Evaluated
from tflite2torch.parity.align.values import tensor_of
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import LayerReport, ParityReport
from tflite2torch.parity.options import Options

SHAPE = (1, 5, 8)


def norm() -> Conversion:
    network = Network()
    x = network.function("TANH", network.input(SHAPE))
    normal = network.layer_norm(x, weights(8), weights(8, seed=1))
    return convert_bytes(network.build([network.function("LOGISTIC", normal)]), "norm")


def padded() -> Conversion:
    network = Network()
    image = network.input((1, 6, 6, 3))
    around = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
    [pad] = network.operator("PAD", [image, around])
    valid = schema.Conv2DOptionsT(strideH=1, strideW=1, padding=schema.Padding.VALID)
    operands = [pad, weights(4, 3, 3, 3), weights(4)]
    [features] = network.operator("CONV_2D", operands, options=valid)
    return convert_bytes(network.build([network.function("TANH", features)]), "padded")


def samples_of(conversion: Conversion) -> list[Sample]:
    return make_samples(Interface.of(conversion).inputs, 0)[:3]


def edited(conversion: Conversion, old: str, new: str) -> nn.Module:
    """Return the module whose source has ``new`` in the one place of ``old``."""
    assert conversion.source.count(old) == 1
    return load_module(replace(conversion, source=conversion.source.replace(old, new)))


def compare(
    conversion: Conversion, module: nn.Module | None = None, batch: int = 1
) -> ParityReport:
    """Compare a conversion, or another module, with TFLite."""
    return compare_model(
        conversion,
        load_module(conversion),
        samples_of(conversion),
        Options((batch,)),
        module,
    )


def folded(report: ParityReport) -> dict[str, LayerReport]:
    return {layer.identity.kind: layer for layer in report.layers if layer.identity.inside}


@pytest.mark.parametrize("batch", [1, 3])
def test_the_tensors_of_a_layer_norm(batch: int) -> None:
    report = compare(norm(), batch=batch)
    assert report.passed, report.verdict
    assert [layer.identity.kind for layer in report.layers] == [
        "tanh",
        *"MEAN SQUARED_DIFFERENCE MEAN ADD RSQRT MUL MUL SUB MUL".split(),
        "LayerNorm",
        "sigmoid",
        "output",
    ]
    covered = report.coverage
    assert (covered.compared, covered.folded, covered.total) == (12, 9, 12)
    found, name = folded(report), report.layers[-3].name
    assert {layer.identity.inside for layer in found.values()} == {name}
    assert found["RSQRT"].name == f"{name}: RSQRT {found['RSQRT'].identity.tensor}"
    assert found["RSQRT"].identity.inputs == (found["ADD"].name,)
    assert set(found["SQUARED_DIFFERENCE"].identity.inputs) == {
        "forward: tanh",
        next(x.name for x in report.layers if x.identity.kind == "MEAN"),
    }
    for layer in found.values():
        assert layer.totals.compared > 0
        assert layer.forced is not None
        assert layer.worst.measures.exact.module is not None
        assert layer.worst.limit < 1e-4


def test_a_padding() -> None:
    report = compare(padded())
    assert report.passed, report.verdict
    [pad] = folded(report).values()
    about = pad.identity
    assert (about.kind, about.shape, pad.worst.error) == ("PAD", (3, 8, 8), 0)
    assert about.inside == report.layers[1].name
    assert about.inputs == ()
    assert (report.coverage.compared, report.coverage.folded) == (3, 1)


def test_what_undoes_itself() -> None:
    """Between the two transposes stands a tensor that the module has no need of."""
    network = Network()
    features = network.conv(network.input((1, 4, 4, 3)), 3, 2)
    turned = network.transpose(network.transpose(features, 0, 2, 1, 3), 0, 2, 1, 3)
    same = network.reshape(turned, 1, 4, 4, 2)
    conversion = convert_bytes(network.build([network.function("TANH", same)]))
    assert "permute" not in conversion.source
    report = compare(conversion)
    assert report.passed, report.verdict
    assert (report.coverage.compared, report.coverage.folded) == (5, 3)
    identities = [layer.identity for layer in report.layers]
    kinds = [identity.kind for identity in identities if identity.inside]
    assert kinds == ["TRANSPOSE", "TRANSPOSE", "RESHAPE"]


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_networks_are_covered(seed: int) -> None:
    conversion = convert_bytes(RandomNetwork(seed).write(length=12))
    report = compare(conversion, batch=2)
    assert report.passed, report.verdict
    assert report.coverage.compared == report.coverage.total == 12


def test_a_fault_in_the_layer_is_the_layers() -> None:
    conversion = norm()
    report = compare(conversion, edited(conversion, "eps=0.001", "eps=0.1"))
    [source] = [layer for layer in report.layers if layer.name in report.sources]
    assert source.identity.kind == "LayerNorm"
    assert f"the source is {source.name}: " in report.verdict
    assert all(layer.passed for layer in report.layers if layer.identity.inside)


def test_a_fault_before_it_is_followed_through_it_and_blamed_where_it_is() -> None:
    conversion = norm()
    module = edited(conversion, "torch.tanh(x)", "torch.tanh(x * 1.01)")
    report = compare(conversion, module)
    assert report.sources == ("forward: tanh",)
    below = folded(report)["SQUARED_DIFFERENCE"]
    assert below.failures, "it was computed from what the module gives"
    assert not below.forced_failures


def test_what_fails_where_all_layers_pass_is_a_failure_without_a_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(self: Evaluated, operands: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        return (operands[0].new_ones(len(operands[0]), 3, 8, 8),)

    monkeypatch.setattr(Evaluated, "__call__", wrong)
    report = compare(padded())
    [pad] = folded(report).values()
    assert not pad.passed
    assert not report.passed
    assert report.sources == ()
    assert f"failed: {pad.name}, which was folded away: uniform: error" in (report.verdict)


def test_what_nothing_was_compared_of_does_not_count() -> None:
    conversion = norm()
    module = load_module(conversion)
    [layer] = [m for m in module.modules() if isinstance(m, nn.LayerNorm)]
    layer.register_forward_hook(lambda _, __, x: x.reshape(7))
    report = compare(conversion, module)
    assert not report.passed
    assert [u.operator for u in report.coverage.uncompared] == ["ADD", "LOGISTIC"]
    assert (report.coverage.compared, report.coverage.folded) == (10, 9)
    nothing = edited(conversion, "torch.tanh(x)", "torch.tanh(x * torch.nan)")
    report = compare(conversion, nothing)
    assert not report.passed
    assert (report.coverage.compared, report.coverage.folded) == (0, 0)
    assert len(report.coverage.uncompared) == 12


def test_what_another_module_lacks_is_not_made_up() -> None:
    """Only what the conversion itself folds is computed again."""
    conversion = norm()
    report = compare(conversion, edited(conversion, "torch.tanh(x)", "x"))
    assert not report.passed
    [lost] = [u for u in report.coverage.uncompared if u.operator == "TANH"]
    assert lost.reason.startswith("folded into ")
    assert lost.reason.endswith(" (layer_norm)")


def test_weights_are_never_evaluated_again() -> None:
    """A convolution whose result the module lost stays uncompared."""
    conversion = padded()
    told = trace_conversion(load_module(conversion), conversion)
    without = replace(
        told,
        layers=tuple(
            layer if layer.kind != "Conv2d" else replace(layer, values=()) for layer in told.layers
        ),
    )
    model = conversion.model
    graph = unfused_graph(conversion.model, "model")
    found = find_folded(graph, without, without, operators_of(model))
    names = [item.layer.kind for item in found if item.layer is not None]
    assert names == ["PAD"]


def find_lost(network: Network, outputs: list[Ref], lost: Ref) -> list[str]:
    """Return what gives a tensor when the module's own value of it is taken away."""
    conversion = convert_bytes(network.build(outputs))
    told = trace_conversion(load_module(conversion), conversion)
    layers = [
        replace(layer, values=())
        if any(tensor_of(value) == lost.index for value in layer.values)
        else layer
        for layer in told.layers
    ]
    without = replace(told, layers=tuple(layers))
    operators = operators_of(conversion.model)
    found = find_folded(unfused_graph(conversion.model, "model"), without, without, operators)
    assert [tensor_of(item.node.outputs[0]) for item in found] == [lost.index]
    return [repr(value) for value in found[0].node.inputs]


def test_a_tensor_that_is_the_same_as_another_is_taken_from_that() -> None:
    network = Network()
    image = network.input((1, 4, 4, 3))
    kernels, bias = weights(2, 3, 3, 3), weights(2)
    options = schema.Conv2DOptionsT(strideH=1, strideW=1)
    [one] = network.operator("CONV_2D", [image, kernels, bias], options=options)
    shared = network._operators[0].inputs
    [twin] = network.operator("CONV_2D", [image, None], options=options)
    network._operators[1].inputs = list(shared)
    outputs = [network.function("TANH", x) for x in (one, twin)]
    [taken] = find_lost(network, outputs, twin)
    assert taken == f"float32[N, 2, 4, 4]#{one.index}"


def test_a_tensor_that_was_only_given_another_shape_is_taken_from_the_result() -> None:
    network = Network()
    features = network.conv(network.input((1, 4, 4, 3)), 3, 2)
    flat = network.reshape(features, 1, 32)
    [taken] = find_lost(network, [network.function("TANH", flat)], features)
    assert taken == f"float32[N, 32]#{flat.index}"


def test_the_unfused_graph_of_other_weights_stands_for_the_same_tensors() -> None:
    model = norm().model
    graph, other = (unfused_graph(model, "norm") for _ in range(2))
    for node in other.nodes:
        for value in node.outputs:
            if value.origin is not None:
                value.origin = replace(value.origin, index=value.origin.index + 100)
    assert relabelled(graph, other) is other
    assert [v.origin for n in other.nodes for v in n.outputs] == [
        v.origin for n in graph.nodes for v in n.outputs
    ]
    assert relabelled(graph, unfused_graph(padded().model, "padded")) is None


def test_what_is_waited_for_may_be_changed_in_place_meanwhile() -> None:
    one, other, total = (
        Value(n, (N, 2), "float32", Provenance("tflite", i, n, (0, 1))) for i, n in enumerate("abc")
    )
    node = Elementwise([one, other], [total], "add")
    layer = Layer("sum", "ADD", None, (total,), "somewhere")
    answers = {0: torch.ones(1, 2), 1: torch.ones(1, 2) * 2}
    follower = Follower([Folded(Evaluated(node), layer)], lambda v: answers[tensor_of(v) or 0])

    def step(value: Value, tensor: torch.Tensor) -> list[Step]:
        given = Layer(value.name, "relu", None, (value,))
        return list(follower.after(Step(given, (tensor,), (), (), "")))

    first = torch.full((1, 2), 10.0)
    assert step(one, first) == []
    first.zero_()
    [found] = step(other, torch.full((1, 2), 0.5))
    assert found.free[0].tolist() == [[10.5, 10.5]]
    assert found.forced[0].tolist() == [[3, 3]]
    assert found.exact == ()
    assert step(one, first) == [], "each is evaluated once"


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_node_is_evaluated_in_its_operands_type(dtype: torch.dtype) -> None:
    network = Network()
    x = network.input((1, 2, 3))
    conversion = convert_bytes(network.build([network.mul(x, weights(3))]))
    mul = unfused_graph(conversion.model, "model").nodes[0]
    [result] = Evaluated(mul)([torch.ones(4, 2, 3, dtype=dtype)])
    assert result.dtype == dtype
    torch.testing.assert_close(result, torch.from_numpy(weights(3)).to(dtype).expand(4, 2, 3))


def test_helpers_are_evaluated() -> None:
    network = Network()
    image = network.input((1, 4, 5, 3))
    amounts = np.array([[0, 0], [1, 2], [2, 1], [0, 0]], np.int32)
    options = schema.MirrorPadOptionsT(mode=0)
    [mirrored] = network.operator("MIRROR_PAD", [image, amounts], options=options)
    model = network.build([mirrored])
    [node] = unfused_graph(convert_bytes(model).model, "model").nodes
    pixels = weights(1, 4, 5, 3)
    given = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    [result] = Evaluated(node)([given])
    [expected] = run_reference(model, [pixels])
    np.testing.assert_array_equal(result.permute(0, 2, 3, 1).numpy(), expected)
