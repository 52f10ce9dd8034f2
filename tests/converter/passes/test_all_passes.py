"""After every pass a graph can run, and on official models each fires as often as it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.block_networks import BlockNetwork
from tests.support.motif_networks import MotifNetwork
from tests.support.official import FACTS
from tests.support.operators import ALL_PASSES, graph_of
from tests.support.random_graphs import RandomNetwork
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.rewriting import Rewrites, run_passes

COUNTED = (
    "raise_layer_norms",
    "merge_slices",
    "fuse_anchor_rows",
    "fuse_pad_into_conv",
    "find_blocks",
    "eliminate_common_subexpressions",
    "find_repeats",
    "find_stages",
    "align_variants",
)
FIRED = {
    "face_detector": (0, 0, 2, 0, 16, 0, 0, 4, 31),
    "face_landmarks_detector": (0, 0, 0, 0, 34, 0, 0, 7, 59),
    "face_blendshapes": (8, 1, 0, 0, 16, 0, 4, 1, 0),
    "legacy/face_detection_back": (0, 0, 2, 0, 31, 0, 0, 4, 85),
    "legacy/face_detection_front": (0, 0, 2, 0, 16, 0, 0, 4, 31),
    "legacy/face_detection_full_range": (0, 0, 2, 0, 20, 0, 3, 7, 44),
    "legacy/face_landmark": (0, 0, 0, 0, 20, 0, 2, 6, 45),
    "legacy/face_landmark_f16": (0, 0, 0, 0, 20, 0, 2, 6, 45),
    "legacy/iris_landmark": (0, 0, 0, 0, 26, 0, 2, 4, 45),
    "wheel/face_detection_full_range_sparse": (0, 0, 2, 43, 16, 0, 11, 7, 0),
    "wheel/face_detection_short_range": (0, 0, 2, 0, 16, 0, 0, 4, 31),
    "wheel/face_landmark": (0, 0, 0, 0, 20, 0, 2, 6, 45),
    "wheel/face_landmark_with_attention": (0, 0, 0, 0, 66, 4, 8, 14, 157),
    "wheel/hand_landmark_full": (0, 0, 0, 0, 14, 0, 0, 4, 15),
    "wheel/hand_landmark_lite": (0, 0, 0, 0, 13, 0, 0, 3, 14),
    "wheel/hand_recrop": (0, 0, 0, 0, 6, 0, 0, 0, 7),
    "wheel/iris_landmark": (0, 0, 0, 0, 26, 0, 2, 4, 45),
    "wheel/palm_detection_full": (0, 0, 2, 0, 28, 0, 2, 7, 73),
    "wheel/palm_detection_lite": (0, 0, 2, 0, 23, 0, 2, 7, 58),
    "wheel/pose_detection": (0, 0, 2, 5, 18, 0, 10, 6, 5),
    "wheel/pose_landmark_full": (0, 0, 0, 5, 29, 0, 11, 8, 31),
    "wheel/selfie_segmentation": (0, 0, 0, 0, 16, 0, 3, 2, 7),
    "wheel/selfie_segmentation_landscape": (0, 0, 0, 0, 16, 0, 3, 2, 7),
}
"""How often each of those passes fires on each model."""


def run_all(graph: Graph) -> dict[str, Rewrites]:
    """Run all passes, and verify the graph before the first and after each."""
    graph.verify()
    return run_passes(graph, ALL_PASSES, Graph.verify)


@pytest.mark.parametrize("name", FACTS)
def test_official_models(official_graph: Callable[[str], Graph], name: str) -> None:
    told = run_all(official_graph(name))
    assert tuple(told[rewrite].count for rewrite in COUNTED) == FIRED[name]
    # A padding stays where no layer can carry it out, which FACTS knows too.
    misses = Counter(miss.partition(": ")[2] for miss in told["fuse_pad_into_conv"].near_misses)
    shared = 6 if name == "wheel/pose_detection" else 0
    assert misses["something else reads it too"] == shared
    assert misses["it is not symmetric"] <= FACTS[name].odd_paddings
    assert misses.total() == misses["it is not symmetric"] + shared


@pytest.mark.parametrize("seed", range(2000, 2040))
@pytest.mark.parametrize("kind", ["operators", "blocks", "motifs"])
def test_random_networks(kind: str, seed: int) -> None:
    match kind:
        case "operators":
            model = RandomNetwork(seed).write(length=15)
        case "blocks":
            model = BlockNetwork(seed).write()
        case _:
            model = MotifNetwork(seed).write()
    run_all(graph_of(model))


def test_each_pass_is_told_of_once() -> None:
    graph = graph_of(BlockNetwork(1).write())
    seen: list[int] = []
    told = run_passes(graph, ALL_PASSES, lambda graph: seen.append(len(graph.nodes)))
    assert len(seen) == len(ALL_PASSES)
    assert len(told) == len(ALL_PASSES) - 1  # dead code is eliminated twice
