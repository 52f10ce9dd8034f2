"""Graph algorithms on a list of nodes in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value


def operands(node: Node) -> list[Value]:
    """Return the distinct computed values that a node reads, in its order."""
    return list(dict.fromkeys(v for v in node.inputs if v.data is None))


def producers_of(nodes: Iterable[Node]) -> dict[Value, Node]:
    """Map every computed value to the node that computes it."""
    return {value: node for node in nodes for value in node.outputs}


def users_of(nodes: Iterable[Node]) -> dict[Value, list[Node]]:
    """Map every value to the nodes that read it; a node stands there once for each read."""
    users: dict[Value, list[Node]] = {}
    for node in nodes:
        for value in node.inputs:
            users.setdefault(value, []).append(node)
    return users


def sole_users_of(nodes: Iterable[Node], outputs: Sequence[Value]) -> dict[Value, Node]:
    """Map every value that is read exactly once, and is no output, to its reader."""
    users = users_of(nodes)
    outside = set(outputs)
    return {
        value: readers[0]
        for value, readers in users.items()
        if len(readers) == 1 and value not in outside
    }


def topological_order(
    values: Iterable[Value],
    producers: Mapping[Value, Node],
    *,
    stop: Node | None = None,
    limit: float = float("inf"),
) -> list[Node]:
    """Return the nodes that values depend on, each after those whose results it reads.

    The order is that of a depth-first search from the values, first operands first: it
    depends on how nodes are connected, not on the order that they had before.

    Args:
        values: the search starts from these.
        producers: the node that computes each value; the search stays within these nodes.
        stop: a node that is left out, together with what only it depends on.
        limit: the search gives up, and returns an empty list, when it holds this many nodes.
    """
    ordered: dict[Node, None] = {}
    waiting = [producers[v] for v in values if v in producers][::-1]
    while waiting:
        if len(ordered) + len(waiting) >= limit:
            return []
        # A stack, not recursion: a file may hold longer chains than Python recurses. A node stays
        # on it until all that it reads has been ordered.
        node = waiting[-1]
        needed = [producers[v] for v in operands(node) if v in producers]
        missing = [n for n in needed if n not in ordered and n is not stop]
        if missing and node not in ordered:
            waiting += reversed(missing)
        else:
            ordered.setdefault(node)
            waiting.pop()
    return list(ordered)


def reached_outputs(nodes: Sequence[Node], outputs: Sequence[Value]) -> dict[Node, set[Value]]:
    """Map each node to the outputs that depend on it; nodes are in topological order."""
    reached: dict[Value, set[Value]] = {value: {value} for value in outputs}
    of_node: dict[Node, set[Value]] = {}
    for node in reversed(nodes):
        of_node[node] = set().union(*(reached.get(v, set()) for v in node.outputs))
        for value in node.inputs:
            reached[value] = reached.get(value, set()) | of_node[node]
    return of_node


def dominators(nodes: Sequence[Node]) -> dict[Node, Node | None]:
    """Map each node to its immediate dominator: the last node on every path to it.

    None stands for the inputs. Nodes are in topological order, so that one sweep is enough:
    the dominator is the nearest common ancestor, in the tree of dominators so far, of what the
    node reads (Cooper, Harvey and Kennedy, A Simple, Fast Dominance Algorithm, 2001).
    """
    producers = producers_of(nodes)
    dominators: dict[Node, Node | None] = {}
    depth: dict[Node | None, int] = {None: 0}
    for node in nodes:
        common: list[Node | None] = [producers.get(v) for v in operands(node)] or [None]
        while len(set(common)) > 1:
            deepest = max(common, key=lambda n: depth[n])
            assert deepest is not None  # None has depth 0, and another one is in the list
            common = [dominators[deepest] if n is deepest else n for n in common]
        dominators[node] = common[0]
        depth[node] = depth[common[0]] + 1
    return dominators
