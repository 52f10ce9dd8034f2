"""The passes that lower TFLite's batch of one, NHWC layout and SAME padding."""

from collections.abc import Sequence

from tflite2torch.converter.frontends.tflite.lowering.batch import follow_batch
from tflite2torch.converter.frontends.tflite.lowering.layout import choose_layouts
from tflite2torch.converter.frontends.tflite.lowering.padding import (
    make_padding_explicit,
)
from tflite2torch.converter.graph.rewriting import Pass


def lowering(raising: Sequence[Pass] = ()) -> list[Pass]:
    """Return the passes in execution order, with ``raising`` before layouts are chosen.

    By themselves they fuse nothing: every tensor of the file is still computed by a node,
    which is what a comparison layer by layer needs.
    """
    return [follow_batch, *raising, choose_layouts, make_padding_explicit]
