"""Names of the local variables of a ``forward``, from the values that they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.region import CropMatrix
from tflite2torch.converter.graph.traversal import reached_outputs
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import Namespace
from tflite2torch.converter.naming.roles import is_generic, prefixed
from tflite2torch.converter.planning.scope import Part, Scope
from tflite2torch.converter.structure.structure import is_layer
from tflite2torch.converter.writer.statements import Step


class Variables:
    """Names the results of the statements of one class.

    The value that runs through the layers is ``x``. A feature map that is read again after
    later ones is called by its stride: ``x16`` has one pixel for each 16 x 16 of the image.
    """

    def __init__(self, scope: Scope, steps: Sequence[Step]) -> None:
        self._scope = scope
        self._outputs: dict[Value, str] = {}
        if scope.of_model and len(scope.outputs) > 1:
            pairs = zip(scope.outputs, scope.output_names, strict=True)
            for value, name in pairs:  # a value that is two outputs has its first name
                self._outputs.setdefault(value, name)
        self._reads: dict[Value, list[int]] = {}
        for place, step in enumerate(steps):
            for value in dict.fromkeys(step.leaves()):
                self._reads.setdefault(value, []).append(place)
        self._skips = self._skip_maps(steps) if scope.of_model else set()
        self._reached = reached_outputs(scope.nodes, scope.outputs)
        crops = [node for node in scope.nodes if isinstance(node, CropMatrix)]
        self._points = {node.inputs[0] for node in crops}
        products = [node for node in scope.nodes if _computes(node, "mul")]
        self._factors = {value for node in products for value in node.inputs}
        self._gates: set[Value] = set()  # a sigmoid, and all that it is computed from
        for node in reversed(scope.nodes):
            leads = not self._gates.isdisjoint(node.outputs)
            if leads or _computes(node, "sigmoid"):
                self._gates.update([*node.inputs, *node.outputs])

    def name(self, step: Step, value: Value, taken: set[str], held: Mapping[str, Value]) -> str:
        """Return the name of the variable for a statement's result.

        Args:
            step: the statement.
            value: its result.
            taken: variables that hold what is read later.
            held: what each variable holds.
        """
        if value in self._outputs:
            return self._outputs[value]
        taken = taken | set(self._outputs.values())
        read = [n for leaf in step.leaves() for n, v in held.items() if v is leaf]
        read = [name for name in read if name != "x"]
        if self._scope.of_model:
            wanted = self._in_model(step, value, read)
        else:
            inputs = [name for name in read if held[name] in self._scope.inputs]
            wanted = self._in_block(step, value, inputs)
        for name in chain(wanted, ["x"]):
            if name not in taken:
                return name
        return Namespace(taken).unique(self._prefixed_by_head(step.node, "features"))

    def _in_model(self, step: Step, value: Value, read: list[str]) -> Iterator[str]:
        """Yield names for a variable of a model's ``forward``, the best one first."""
        nodes = list(step.nodes())[::-1]
        if value in self._skips and (stride := self._stride(value)):
            yield f"x{stride}"
        if value in self._points:
            yield "points"
        if isinstance(step.node, CropMatrix):
            yield self._prefixed_by_head(step.node, "matrix")
        if not any(map(is_layer, nodes)):
            yield from read  # arithmetic updates a variable
        features = self._prefixed_by_head(step.node, "features")
        if features != "features" and len(self._reads.get(value, [])) > 1:
            yield features  # where the branches of some outputs part
        if _computes(step.node, "sigmoid") and value in self._factors:
            yield "gate"
        if value not in self._skips:
            yield "x"
        parts: list[Part] = []
        for node in nodes:
            parts += [node, *node.inputs]
        kept = [self._scope.attributes.get(part) for part in parts]
        yield from [name for name in kept if name and not is_generic(name)][:1]
        if any(_computes(node, "sqrt") for node in nodes):
            yield "length"

    def _in_block(self, step: Step, value: Value, inputs: list[str]) -> Iterator[str]:
        """Yield names for a variable of a block's ``forward``, the best one first."""
        if all(isinstance(n, Pool2d | Pad) and not n.comment for n in step.nodes()):
            yield "shortcut"
        yield "x"
        yield from inputs
        if value in self._gates:
            yield "gate"

    def _prefixed_by_head(self, node: Node, name: str) -> str:
        """Return a name, prefixed by the outputs that depend on a node unless all do."""
        reached = [self._outputs[v] for v in self._reached[node] if v in self._outputs]
        return name if len(reached) == len(self._outputs) else prefixed(reached, name)

    def _skip_maps(self, steps: Sequence[Step]) -> set[Value]:
        """Return the feature maps to call by stride: those that are read after the next one.

        Where there are any, also those that are read several times.
        """
        maps: dict[Value, int] = {}  # where each is computed
        for place, step in enumerate(steps):
            values = [v for v in step.node.outputs if v.rank == 4]
            maps |= {v: place for v in values if v not in self._outputs}
        places = sorted(set(maps.values()))
        following = dict(pairwise(places))
        reads = {value: self._reads.get(value, [0]) for value in maps}
        skips = {v for v in maps if following.get(maps[v], len(steps)) < reads[v][-1]}
        return skips and skips | {v for v in maps if len(reads[v]) > 1}

    def _stride(self, value: Value) -> int | None:
        """Return how many pixels of the image one of a feature map stands for: 2, 4, 8, …

        None if it is no power of two. The last pixel may stand for fewer.
        """
        image = self._scope.inputs[0]
        if not (image.image and value.image):
            return None
        size, whole = value.shape[2:], image.shape[2:]
        stride = 2
        while stride < max(whole):
            if all(n == -(-w // stride) for n, w in zip(size, whole, strict=True)):
                return stride
            stride *= 2
        return None


def _computes(node: Node, function: str) -> bool:
    return isinstance(node, Elementwise) and node.function == function
