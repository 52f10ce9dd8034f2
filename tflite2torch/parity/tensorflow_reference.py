"""TensorFlow's ``tf.lite.Interpreter`` as a reference, from the same environment."""

from __future__ import annotations

from tflite2torch.parity.reference import Reference


class TensorFlowReference(Reference):
    """A model loaded by TensorFlow's interpreter with one kernel set, on one thread."""

    runtime = "TensorFlow"
    module = "tensorflow.lite.python.interpreter"
    package = "tensorflow"
    install = "pip install tensorflow-cpu, or take another --reference"
