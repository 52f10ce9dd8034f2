"""Which classes a module has, what their constructors take, and what their parts are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import Slice
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
from tflite2torch.converter.planning.derivation import derive_symbols
from tflite2torch.converter.planning.expression import items_of
from tflite2torch.converter.planning.scope import Part, Scope
from tflite2torch.converter.planning.symbols import Slot
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
        idioms: the motifs that those are.
    """

    model: Scope
    blocks: dict[Structure, Scope]
    idioms: dict[Structure, Motif]

    @property
    def scopes(self) -> list[Scope]:
        """All classes, in the order in which a module defines them."""
        return [*self.blocks.values(), self.model]

    def scope_of(self, block: Block) -> Scope:
        """Return the class that a block is a use of."""
        return self.blocks[block.key]


def plan_classes(graph: Graph, class_name: str) -> Plan:
    """Name every class and attribute of a graph whose blocks have been found."""
    classes = uses_of_classes(graph.nodes)
    idioms = motifs_of(classes)
    blocks: dict[Structure, Scope] = {}
    names = Namespace([class_name])
    for key, uses in classes.items():
        first, nodes = uses[0], _template(uses)
        # One name could not stand for two values of another use.
        assert len({*first.inputs}) == len(first.inputs)
        flags = {
            index: _flag(node)
            for index, node in enumerate(nodes)
            if any(isinstance(use.body[index], Skipped) for use in uses)
        }
        slots = [dict(_slots(blocks, use)) for use in uses]
        blocks[key] = Scope(
            names.unique(idioms[key].name),
            nodes,
            first.inputs,
            first.outputs,
            derive_symbols(uses, slots, flags),
            _attributes(nodes, block_roles(uses, nodes, idioms)),
            operand_names(nodes, first.inputs),
        )
    attributes = _attributes(graph.nodes, model_roles(graph, idioms))
    own = Scope(
        class_name,
        graph.nodes,
        graph.inputs,
        graph.outputs,
        attributes=_heads_last(graph, attributes),
        input_names=["x"] if len(graph.inputs) == 1 else graph.input_names,
        output_names=graph.output_names,
    )
    return Plan(own, blocks, idioms)


def _template(uses: Sequence[Block]) -> list[Node]:
    """Return the steps of the first use; those that it lacks, as another use has them."""
    return [
        replace(node.other, inputs=node.inputs, outputs=node.outputs)
        if isinstance(node, Skipped)
        else node
        for node in uses[0].body
    ]


def _flag(node: Node) -> str:
    """Return what an argument is called that says whether a step is carried out."""
    match node:
        case Pad(same=False):
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
    """Yield every integer of one use of a class, and its place."""
    for index, node in enumerate(use.body):
        match node:
            case Skipped():
                continue
            case Block() | Stage():
                inner = node.blocks if isinstance(node, Stage) else [node]
                arguments = {
                    stage_argument(name, position, node): value
                    for position, block in enumerate(inner)
                    for name, value in blocks[block.key]
                    .symbols.values_of(block)
                    .items()
                }
            case _:
                arguments = (node.layer() or node.code()).arguments
        yield from _integers((index,), arguments)
        for position, constant in enumerate(constants(node)):
            yield from _integers((index, position), {"shape": constant.shape})


def stage_argument(name: str, position: int, node: Node) -> str:
    """Return how a block's argument is told from those of the other blocks of its stage."""
    return f"{name}_{position}" if isinstance(node, Stage) else name


def _integers(
    part: tuple[int, ...], arguments: Mapping[str, Literal]
) -> Iterator[tuple[Slot, int]]:
    for argument, value in arguments.items():
        for path, number in _leaves(value):
            yield Slot(part, argument, path), number


def _leaves(
    value: Literal, path: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], int]]:
    if isinstance(value, tuple | slice):
        for position, item in enumerate(items_of(value)):
            yield from _leaves(item, (*path, position))
    elif isinstance(value, int):
        yield path, value


def _attributes(nodes: Sequence[Node], roles: Mapping[Part, str]) -> dict[Part, str]:
    """Name every part that a class keeps; equal roles are numbered from 1."""
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
    reached = graph.reached_outputs()

    def is_head(part: Part) -> bool:
        return isinstance(part, Node) and len(reached[part]) < len(graph.outputs)

    return {part: attributes[part] for part in sorted(attributes, key=is_head)}
