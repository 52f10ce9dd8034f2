"""What the local variables of a ``forward`` are called: by what they hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

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
    """Names what the statements of one class give.

    The value that runs through the layers is ``x``. A feature map that is needed later is
    called by its stride: ``x16`` has one pixel for each 16 x 16 of the image.
    """

    def __init__(self, scope: Scope, steps: Sequence[Step]) -> None:
        self._scope = scope
        self._outputs: dict[Value, str] = {}
        if scope.of_model and len(scope.outputs) > 1:
            pairs = zip(scope.outputs, scope.output_names, strict=True)
            for value, name in pairs:  # what is given twice has its first name
                self._outputs.setdefault(value, name)
        self._maps = {
            value: place
            for place, step in enumerate(steps)
            for value in step.node.outputs
            if value.rank == 4 and value not in self._outputs
        }
        self._readers: dict[Value, list[int]] = {}
        for place, step in enumerate(steps):
            for value in dict.fromkeys(step.leaves()):
                self._readers.setdefault(value, []).append(place)
        self._kept = self._kept_maps() if scope.of_model else set()
        self._reached = reached_outputs(scope.nodes, scope.outputs)
        crops = [node for node in scope.nodes if isinstance(node, CropMatrix)]
        self._points = {node.inputs[0] for node in crops}
        products = [node for node in scope.nodes if _is_function(node, "mul")]
        self._factors = {value for node in products for value in node.inputs}
        self._gates = _led_to(scope, "sigmoid")

    def name(
        self, step: Step, value: Value, taken: set[str], held: Mapping[str, Value]
    ) -> str:
        """Return what a statement's result is called.

        Args:
            step: the statement.
            value: its result.
            taken: names that hold what is needed later.
            held: what each name holds.
        """
        if value in self._outputs:
            return self._outputs[value]
        taken = taken | set(self._outputs.values())
        for wanted in self._wanted(step, value, held):
            if wanted not in taken:
                return wanted
        return Namespace(taken).unique(self._after_outputs(step.node, "features"))

    def _wanted(
        self, step: Step, value: Value, held: Mapping[str, Value]
    ) -> Iterator[str]:
        """Yield what the result may be called, the best name first."""
        read = [n for leaf in step.leaves() for n, v in held.items() if v is leaf]
        read = [name for name in read if name != "x"]
        if self._scope.of_model:
            yield from self._in_model(step, value, read)
        else:
            yield from self._in_block(step, value, held, read)
        yield "x"

    def _in_model(self, step: Step, value: Value, read: list[str]) -> Iterator[str]:
        nodes = list(reversed(list(step.nodes())))
        if value in self._kept and (stride := self._stride(value)):
            yield f"x{stride}"
        if value in self._points:
            yield "points"
        if isinstance(step.node, CropMatrix):
            yield self._after_outputs(step.node, "matrix")
        if not any(map(is_layer, nodes)):
            yield from read
        features = self._after_outputs(step.node, "features")
        if features != "features" and len(self._readers.get(value, [])) > 1:
            yield features
        if _is_function(step.node, "sigmoid") and value in self._factors:
            yield "gate"
        if value not in self._kept:
            yield "x"
        parts: list[Part] = []
        for node in nodes:
            parts += [node, *node.inputs]
        kept = [self._scope.attributes.get(part) for part in parts]
        yield from [name for name in kept if name and not is_generic(name)][:1]
        if any(_is_function(node, "sqrt") for node in nodes):
            yield "length"

    def _in_block(
        self, step: Step, value: Value, held: Mapping[str, Value], read: list[str]
    ) -> Iterator[str]:
        if all(isinstance(n, Pool2d | Pad) and not n.comment for n in step.nodes()):
            yield "shortcut"
        yield "x"
        yield from (name for name in read if held[name] in self._scope.inputs)
        if value in self._gates:
            yield "gate"

    def _after_outputs(self, node: Node, name: str) -> str:
        """Return a name after the outputs that depend on a node, if not all of them do."""
        reached = [self._outputs[v] for v in self._reached[node] if v in self._outputs]
        return name if len(reached) == len(self._outputs) else prefixed(reached, name)

    def _kept_maps(self) -> set[Value]:
        """Return the feature maps that are needed when the next ones are there."""
        places = sorted(set(self._maps.values()))
        kept = set()
        for value, place in self._maps.items():
            following = places[bisect_right(places, place) :][:1]
            last = max(self._readers.get(value, [0]))
            if following and following[0] < last:
                kept.add(value)
        several = {v for v in self._maps if len(self._readers.get(v, [])) > 1}
        return kept and kept | several

    def _stride(self, value: Value) -> int | None:
        """Return how many pixels of the image one of a feature map stands for, from 2 on.

        The last one may stand for fewer.
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


def _led_to(scope: Scope, function: str) -> set[Value]:
    """Return what a function of elements gives, and all that it follows from."""
    found: set[Value] = set()
    for node in reversed(scope.nodes):
        if _is_function(node, function) or not found.isdisjoint(node.outputs):
            found.update([*node.inputs, *node.outputs])
    return found


def _is_function(node: Node, name: str) -> bool:
    return isinstance(node, Elementwise) and node.function == name
