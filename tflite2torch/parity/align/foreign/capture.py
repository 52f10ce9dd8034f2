"""Captures the operations of any module as a graph of PyTorch's own operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from tflite2torch.parity.align.silence import silent
from tflite2torch.parity.align.trace import TraceError

MOST = 64
"""The largest batch that a captured graph takes."""


@dataclass(frozen=True)
class Captured:
    """The operations of a module.

    Attributes:
        graph: of ``aten`` operators; constants are ``get_attr`` nodes whose targets are paths
            in the module. Its output is a flat tuple.
        batched: whether it runs at any batch; else at that of the inputs it was captured with.
    """

    graph: fx.Graph
    batched: bool


def capture(module: nn.Module, inputs: Sequence[Tensor]) -> Captured:
    """Capture what a module does to inputs.

    ``torch.export`` does it, at any batch where the module takes any, and ``make_fx`` where that
    fails, as for Python that depends on the data: what is captured then is what the module does
    to these inputs. Constants that are no parameters or buffers of the module become buffers.

    Args:
        module: in eval mode; returns tensors in tuples.
        inputs: a batch of two.

    Raises:
        TraceError: neither can capture it.
    """
    problems = []
    batch = torch.export.Dim("batch", min=1, max=MOST)
    # The module takes ``*inputs``: one argument, as exporting sees it.
    dynamic = (tuple({0: batch} for _ in inputs),)
    for shapes, some in ((dynamic, inputs), (None, _first(inputs))):
        with silent():
            try:
                exported = torch.export.export(
                    module, tuple(some), dynamic_shapes=shapes, strict=False
                )
                return Captured(_own(module, exported.module(check_guards=False)), bool(shapes))
            except Exception as error:  # exporting runs the user's code
                problems.append(error)
    with silent():
        try:
            traced = make_fx(module, _error_on_data_dependent_ops=False)(*_first(inputs))
            graph = _own(module, traced)
        except Exception as error:
            told = " ".join(str(error).split())[:300]
            raise TraceError(
                f"the module cannot be captured: {type(error).__name__}: {told}"
            ) from error
    return Captured(graph, batched=False)


def _first(inputs: Sequence[Tensor]) -> list[Tensor]:
    return [x[:1].clone() for x in inputs]


def _own(module: nn.Module, captured: fx.GraphModule) -> fx.Graph:
    """Return the graph with its constants by their paths in the module."""
    captured.graph.eliminate_dead_code()  # what no output depends on stands for nothing
    known = {id(x): name for name, x in module.named_parameters(remove_duplicate=False)}
    known |= {id(x): name for name, x in module.named_buffers(remove_duplicate=False)}
    stored = {x.data_ptr(): name for name, x in module.state_dict(keep_vars=True).items()}
    for node in captured.graph.nodes:
        if node.op != "get_attr":
            continue
        found = _attribute(captured, str(node.target))
        if not isinstance(found, Tensor):
            continue
        node.meta.setdefault("val", found)
        name = known.get(id(found)) or stored.get(found.data_ptr())
        if name is None:
            name = f"captured_{str(node.target).replace('.', '_')}"
            module.register_buffer(name, found.detach().clone(), persistent=False)
        node.target = name
    return captured.graph


def _attribute(module: nn.Module, path: str) -> object:
    found: object = module
    for part in path.split("."):
        found = getattr(found, part)
    return found
