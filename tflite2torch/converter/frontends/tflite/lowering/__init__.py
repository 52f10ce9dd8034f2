"""The passes that lower TFLite's batch of one, NHWC layout and SAME padding."""

from tflite2torch.converter.frontends.tflite.lowering.batch import follow_batch
from tflite2torch.converter.frontends.tflite.lowering.layout import choose_layouts
from tflite2torch.converter.frontends.tflite.lowering.padding import (
    make_padding_explicit,
)
from tflite2torch.converter.graph.rewriting import Pass

LOWERING: list[Pass] = [
    follow_batch,
    choose_layouts,
    make_padding_explicit,
]
"""The passes in execution order. None of them fuses nodes: every tensor of the file is still
computed by a node, which is what a comparison layer by layer needs."""
