"""Plans the classes of a module: names, constructor arguments and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs import motifs_of
from tflite2torch.converter.motifs.motif import Motif
from tflite2torch.converter.naming.names import (
    GLOBALS,
    MODULE_ATTRIBUTES,
    Namespace,
    numbered,
)
from tflite2torch.converter.naming.roles import (
    block_roles,
    constants,
    model_roles,
    operand_names,
)
from tflite2torch.converter.planning.constructor import Path, Slot
from tflite2torch.converter.planning.derivation import derive_constructor
from tflite2torch.converter.planning.expression import items_of
from tflite2torch.converter.planning.scope import Part, Scope, inner_parts
from tflite2torch.converter.structure.structure import (
    Block,
    Skipped,
    Stage,
    Structure,
    uses_of_classes,
)


@dataclass
class Plan:
    """All classes of a module.

    Attributes:
        model: the model's own class.
        blocks: the others, by the structure of the blocks that are uses of them; classes
            that others use stand first.
        motifs: the motif of each of them.
    """

    model: Scope
    blocks: dict[Structure, Scope]
    motifs: dict[Structure, Motif]

    @property
    def scopes(self) -> list[Scope]:
        """All classes, in the order in which a module defines them."""
        return [*self.blocks.values(), self.model]

    def scope_of(self, block: Block) -> Scope:
        """Return the class that a block is a use of."""
        return self.blocks[block.key]

    def uses(self, node: Node, path: str) -> list[tuple[Scope, list[Node], str]]:
        """Return the classes that a block or stage uses; none for any other node.

        With each class come the nodes of the use, and its path in the module, given that of
        the node.
        """
        match node:
            case Block():
                return [(self.scope_of(node), node.body, path)]
            case Stage():
                blocks = enumerate(node.blocks)
                return [(self.scope_of(b), b.body, f"{path}.{i}") for i, b in blocks]
            case _:
                return []


def plan_classes(graph: Graph, class_name: str, renamed: Mapping[str, str]) -> Plan:
    """Name every class and attribute of a graph whose blocks have been found.

    ``renamed`` are new names for names of the file.
    """
    classes = uses_of_classes(graph.nodes)
    motifs = motifs_of(classes)
    blocks: dict[Structure, Scope] = {}
    result = f"{class_name}Output" if len(graph.outputs) > 1 else ""
    names = Namespace([class_name, result])
    for key, uses in classes.items():
        first, nodes = uses[0], _template(uses)
        # ``forward`` names values of the first use. Were one of them two of its operands, its
        # one name could not stand for the two values that another use may pass.
        assert len({*first.inputs}) == len(first.inputs)
        flags = {
            index: _flag(node)
            for index, node in enumerate(nodes)
            if any(isinstance(use.body[index], Skipped) for use in uses)
        }
        slots = [dict(_slots(blocks, use)) for use in uses]
        blocks[key] = Scope(
            names.unique(motifs[key].name),
            nodes,
            first.inputs,
            first.outputs,
            derive_constructor(uses, slots, flags),
            _attributes(nodes, block_roles(uses, nodes, motifs)),
            operand_names(nodes, first.inputs),
        )
    attributes = _attributes(graph.nodes, model_roles(graph, motifs, renamed))
    own = Scope(
        class_name,
        graph.nodes,
        graph.inputs,
        graph.outputs,
        attributes=_heads_last(graph, attributes),
        input_names=["x"] if len(graph.inputs) == 1 else graph.input_names,
        output_names=graph.output_names,
        result=result,
    )
    return Plan(own, blocks, motifs)


def _template(uses: Sequence[Block]) -> list[Node]:
    """Return the body with every optional step present."""
    return [
        replace(node.other, inputs=node.inputs, outputs=node.outputs)
        if isinstance(node, Skipped)
        else node
        for node in uses[0].body
    ]


def _flag(node: Node) -> str:
    """Return the name of the boolean argument that enables a step."""
    match node:
        case Pad(of_window=False):
            return "widen"
        case Slice():
            return "narrow"
        case Pool2d():
            return "pool"
        case Pad():
            return "pad"
        case _:
            return "shortcut"


def _slots(blocks: Mapping[Structure, Scope], use: Block) -> Iterator[tuple[Slot, int]]:
    """Yield every integer of one use of a class, and its slot."""
    for index, node in enumerate(use.body):
        if isinstance(node, Skipped):
            continue
        inner = enumerate(inner_parts(node))
        for place, part in [((index,), node), *(((index, i), p) for i, p in inner)]:
            for argument, value in _arguments(blocks, part).items():
                for path, number in _integers(value):
                    yield Slot(place, argument, path), number


def _arguments(blocks: Mapping[Structure, Scope], part: Part) -> Mapping[str, Literal]:
    match part:
        case Value():
            return {"shape": part.shape}
        case Block():
            return blocks[part.key].constructor.values_of(part)
        case Stage():
            return {}
        case _:
            return (part.layer() or part.code()).arguments


def _integers(value: Literal, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """Yield the integers of an argument, with the indices that lead to each."""
    if isinstance(value, tuple | slice):
        for position, item in enumerate(items_of(value)):
            yield from _integers(item, (*path, position))
    elif isinstance(value, int):
        yield path, value


def _attributes(nodes: Sequence[Node], roles: Mapping[Part, str]) -> dict[Part, str]:
    """Name every part that is an attribute; equal roles are numbered from 1."""
    wanted: dict[Part, str] = {}
    for node in nodes:
        for value in constants(node):
            wanted.setdefault(value, roles[value])
        if isinstance(node, Block | Stage) or node.layer() is not None:
            wanted[node] = roles[node]
    names = Namespace(MODULE_ATTRIBUTES | GLOBALS)  # forward has variables of this name
    chosen = [names.unique(name) for name in numbered(list(wanted.values()))]
    return dict(zip(wanted, chosen, strict=True))


def _heads_last(graph: Graph, attributes: dict[Part, str]) -> dict[Part, str]:
    """Put the layers that only some outputs depend on behind the others."""
    # Files interleave heads with the trunk. A constructor reads as the network is drawn: the
    # shared layers first, the heads after them. The order of attributes is that of the
    # constructor and of the state_dict; ``forward`` keeps its own.
    reached = graph.reached_outputs()

    def is_head(part: Part) -> bool:
        return isinstance(part, Node) and len(reached[part]) < len(graph.outputs)

    return {part: attributes[part] for part in sorted(attributes, key=is_head)}
