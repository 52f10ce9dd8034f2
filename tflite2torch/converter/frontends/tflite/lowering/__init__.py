"""The passes that lower what is TFLite's own: its layout, its padding, its batch of one."""

from tflite2torch.converter.frontends.tflite.lowering.batch import follow_batch
from tflite2torch.converter.frontends.tflite.lowering.layout import choose_layouts
from tflite2torch.converter.frontends.tflite.lowering.padding import spell_out_padding
from tflite2torch.converter.graph.rewriting import Pass

LOWERING: list[Pass] = [
    follow_batch,
    choose_layouts,
    spell_out_padding,
]
"""In the order in which they run. They fold nothing: each TFLite tensor keeps the node that
gives it."""
