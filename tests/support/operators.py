"""Compares what is emitted for a small model with what TFLite computes.

A grid of one operator is a parametrized test that writes a model and asserts equality:

    model = one_operator_model("PAD", [Tensor((1, 5, 6, 3)), amounts])
    assert_same(model)

The module runs on one sample and on a batch of three; TFLite on each sample alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ai_edge_litert import schema_py_generated as schema

from tests.support.reference import Kernels, run_reference
from tflite2torch.converter.convert import STRUCTURE, Conversion, convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.build import build_graph
from tflite2torch.converter.frontends.tflite.lowering import lowering
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import Rewrites, pass_name, run_passes
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.passes import PASSES, RAISING

Array = npt.NDArray[Any]
Sampler = Callable[[np.random.Generator, tuple[int, ...]], Array]

SAMPLES = 3
ACTIVATIONS = {
    name: getattr(schema.ActivationFunctionType, name)
    for name in ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
}
"""The fused activations that TFLite's kernels carry out."""

ALL_PASSES = [*lowering(RAISING), *PASSES, *STRUCTURE]
"""Those of the front end, and those of the neutral graph."""

ULP = float(np.finfo(np.float32).eps)


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw numbers of either sign and of magnitude one."""
    return generator.standard_normal(shape).astype(np.float32)


def positive(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw numbers in [0.25, 4): a domain of roots, logarithms and quotients."""
    return generator.uniform(0.25, 4, shape).astype(np.float32)


def wide(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw numbers in [-10, 10), on both sides of every activation's corners."""
    return generator.uniform(-10, 10, shape).astype(np.float32)


def weights(*shape: int, seed: int = 7) -> Array:
    """Return a constant of magnitude one, the same for the same shape and seed."""
    return normal(np.random.default_rng(seed), shape)


def convert_bytes(model: bytes, name: str = "model") -> Conversion:
    """Convert a file that exists in memory only."""
    return convert_model(ModelFile(name, f"{name}.tflite", model))


def graph_of(model: bytes, name: str = "model") -> Graph:
    """Return the graph of a file as the reader builds it, before any pass."""
    return build_graph(read_model(ModelFile(name, f"{name}.tflite", model)), name)


def rewritten(graph: Graph, last: Callable[..., Rewrites]) -> Rewrites:
    """Run the passes up to the first place of one of them; return what that one did."""
    names = [pass_name(rewrite) for rewrite in ALL_PASSES]
    passes = ALL_PASSES[: names.index(last.__name__) + 1]
    return run_passes(graph, passes, Graph.verify)[last.__name__]


def graph_after(graph: Graph, last: Callable[..., Rewrites]) -> Graph:
    """Run the passes up to the first place of one of them; return the graph."""
    rewritten(graph, last)
    return graph


def all_nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes, those that others hold included."""
    for node in nodes:
        yield node
        for held in vars(node).values():
            if isinstance(held, list):
                yield from all_nodes(part for part in held if isinstance(part, Node))


def count(graph: Graph, kind: type[Node]) -> int:
    """Return how many nodes of a kind there are, in blocks and whatever else too."""
    return sum(isinstance(node, kind) for node in all_nodes(graph.nodes))


def assert_same(
    model: bytes,
    ulps: float = 0,
    sample: Sampler = normal,
    seed: int = 0,
    kernels: Kernels = "reference",
) -> Conversion:
    """Assert that a converted model gives what TFLite gives.

    Args:
        model: a file; where the first axis of an input is 1, it is the batch.
        ulps: how many float32 ulps, of the output's largest magnitude and at least of 1,
            the two may differ by; 0 where elements only move. For a sum of products: as
            many as it has terms, for each side rounds by half an ulp at each of them.
        sample: draws inputs of floating point; integers are of either sign and never 0.
        seed: of the inputs.
        kernels: those that answer; some operators have no reference kernel.

    Returns:
        The conversion, for what else is to be asserted about it.
    """
    conversion = convert_bytes(model)
    module = load_module(conversion)
    generator = np.random.default_rng(seed)
    inputs = [
        [_draw(generator, entry, sample) for entry in conversion.inputs] for _ in range(SAMPLES)
    ]
    answers = [run_reference(model, arrays, kernels) for arrays in inputs]
    for count in (1, SAMPLES) if _batched(conversion) else (1,):
        given = [
            _module_tensor(entry, [arrays[i] for arrays in inputs[:count]])
            for i, entry in enumerate(conversion.inputs)
        ]
        with torch.no_grad():
            results = module(*given)
        results = results if isinstance(results, tuple) else (results,)
        assert len(results) == len(conversion.outputs)
        for i, (entry, result) in enumerate(zip(conversion.outputs, results, strict=True)):
            expected = _module_tensor(entry, [a[i] for a in answers[:count]])
            _assert_close(result, expected, ulps)
    return conversion


def _assert_close(result: torch.Tensor, expected: torch.Tensor, ulps: float) -> None:
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    assert expected.isfinite().all(), "the reference's answer says nothing"
    if ulps == 0:
        torch.testing.assert_close(result, expected, rtol=0, atol=0)
    else:
        magnitude = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(result, expected, rtol=0, atol=ulps * ULP * magnitude)


def _batched(conversion: Conversion) -> bool:
    return any(entry["shape"][:1] == ["N"] for entry in conversion.inputs)


def _draw(generator: np.random.Generator, entry: dict[str, Any], sample: Sampler) -> Array:
    shape, dtype = _tflite_shape(entry), np.dtype(entry["dtype"])
    if dtype.kind == "f":
        return np.asarray(sample(generator, shape), dtype)
    if dtype.kind == "b":
        return np.asarray(generator.random(shape) < 0.5)
    drawn = generator.integers(1, 20, shape) * generator.choice([-1, 1], shape)
    return np.asarray(drawn, dtype)


def _tflite_shape(entry: dict[str, Any]) -> tuple[int, ...]:
    sizes = dict(zip(entry["permutation"], entry["shape"], strict=True))
    every = (sizes.get(axis, 1) for axis in range(max(sizes) + 1))
    return tuple(1 if size == "N" else size for size in every)


def _module_tensor(entry: dict[str, Any], samples: Sequence[Array]) -> torch.Tensor:
    """Return TFLite's tensors, one for each sample, as the module has them: stacked."""
    axes = entry["permutation"]
    if axes == [0, 3]:  # an image of one pixel is a vector
        return torch.from_numpy(np.concatenate([array[:, 0, 0] for array in samples]))
    if entry["shape"][:1] != ["N"]:
        return torch.from_numpy(np.ascontiguousarray(samples[0].transpose(axes)))
    if axes[0] == -1:
        samples, axes = [array[np.newaxis] for array in samples], [a + 1 for a in axes]
    stacked = np.concatenate([array.transpose(axes) for array in samples])
    return torch.from_numpy(stacked)
