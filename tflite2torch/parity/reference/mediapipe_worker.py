"""The worker process that runs MediaPipe's own runtime; see ``parity.reference.worker``.

It serves one model whose only input is an image of bytes, in an environment that has MediaPipe
and NumPy 1 and may lack every other dependency of this package: it imports nothing else.
"""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from tflite2torch.parity.reference.wire import Array, Message, WireError, receive, send
from tflite2torch.parity.reference.worker import claim_pipes, limit_resources

DELEGATES = {"builtin": "tflite {}", "xnnpack": "xnnpack { num_threads: 1 }"}
"""The delegate option of InferenceCalculator: TFLite's own kernels, or XNNPACK first."""

CONFIG = """
input_stream: "image"
input_side_packet: "model"
node {
  calculator: "TfLiteModelCalculator"
  input_side_packet: "MODEL_BLOB:model"
  output_side_packet: "MODEL:loaded"
}
node {
  calculator: "TfLiteCustomOpResolverCalculator"
  output_side_packet: "OP_RESOLVER:resolver"
  node_options {
    [type.googleapis.com/mediapipe.TfLiteCustomOpResolverCalculatorOptions] {
      use_gpu: false
    }
  }
}
node {
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:input"
  node_options {
    [type.googleapis.com/mediapipe.ImageToTensorCalculatorOptions] {
      output_tensor_width: %(width)d
      output_tensor_height: %(height)d
      output_tensor_float_range { min: 0 max: 255 }
    }
  }
}
node {
  calculator: "InferenceCalculator"
  input_side_packet: "MODEL:loaded"
  input_side_packet: "OP_RESOLVER:resolver"
  input_stream: "TENSORS:input"
  output_stream: "TENSORS:outputs"
  node_options {
    [type.googleapis.com/mediapipe.InferenceCalculatorOptions] {
      cpu_num_thread: 1
      delegate { %(delegate)s }
    }
  }
}
node {
  calculator: "SplitTensorVectorCalculator"
  input_stream: "outputs"
  %(parts)s
  node_options {
    [type.googleapis.com/mediapipe.SplitVectorCalculatorOptions] { %(ranges)s }
  }
}
"""
"""The calculator graph: an image's bytes, as numbers, into the model; each output by itself."""

FLOATS = """
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:part%(index)d"
  output_stream: "FLOATS:floats%(index)d"
}
"""


def main() -> None:
    """Serve one model, then end."""
    memory = int(sys.argv[1])
    limit_resources(memory)
    requests, replies = claim_pipes()
    try:
        runtime = Runtime(receive(requests, memory))
        send(replies, Message({"version": metadata.version("mediapipe")}))
        while True:
            image = receive(requests, memory).arrays[0]
            send(replies, Message(arrays=dict(enumerate(runtime.run(image)))))
    except EOFError:
        return
    except (ImportError, MemoryError, RuntimeError, ValueError, WireError) as error:
        failure = {"error": type(error).__name__, "message": str(error)}
        send(replies, Message(failure))


class Runtime:
    """A calculator graph around one model.

    Args:
        request: the model's bytes; its kernels, the size of its image, and how many outputs
            it has, all of them float32.
    """

    def __init__(self, request: Message) -> None:
        mediapipe = bindings()
        self._mediapipe = mediapipe
        self._count = int(request.fields["outputs"])
        self._found: dict[int, Array] = {}
        self._runs = 0
        self._graph = mediapipe.CalculatorGraph(
            graph_config=graph_config(
                request.fields["height"],
                request.fields["width"],
                DELEGATES[request.fields["kernels"]],
                self._count,
            )
        )
        for index in range(self._count):
            self._graph.observe_output_stream(f"floats{index}", self._keep)
        model = mediapipe.packet_creator.create_string(request.arrays[0].tobytes())
        self._graph.start_run({"model": model})
        self._graph.wait_until_idle()  # for what is wrong with the model

    def run(self, image: Array) -> list[Array]:
        """Return the model's outputs for an image, flat."""
        mediapipe = self._mediapipe
        self._found.clear()
        self._runs += 1
        packet = mediapipe.packet_creator.create_image(
            mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        )
        self._graph.add_packet_to_input_stream("image", packet.at(self._runs))
        self._graph.wait_until_idle()
        if len(self._found) != self._count:
            raise RuntimeError(f"gave {len(self._found)} of {self._count} outputs")
        return [self._found[index] for index in range(self._count)]

    def _keep(self, stream: str, packet: Any) -> None:
        numbers = self._mediapipe.packet_getter.get_float_list(packet)
        self._found[int(stream.removeprefix("floats"))] = np.array(numbers, np.float32)


def bindings() -> Any:
    """Return MediaPipe's bindings for calculator graphs."""
    # Importing the package itself would import much else, such as libraries of the system
    # for displays: an empty package of the same path stands in for it.
    package = find_spec("mediapipe")
    if package is None:
        raise ImportError("No module named 'mediapipe'")
    bare = ModuleType(package.name)
    bare.__path__ = list(package.submodule_search_locations or [])
    sys.modules[package.name] = bare
    return import_module("mediapipe.python")


def graph_config(height: int, width: int, delegate: str, outputs: int) -> str:
    """Return the calculator graph for a model of one image and so many outputs."""
    indices = range(outputs)
    config = CONFIG % {
        "height": height,
        "width": width,
        "delegate": delegate,
        "parts": " ".join(f'output_stream: "part{i}"' for i in indices),
        "ranges": " ".join(f"ranges {{ begin: {i} end: {i + 1} }}" for i in indices),
    }
    streams = "".join(f'output_stream: "floats{i}"\n' for i in indices)
    return streams + config + "".join(FLOATS % {"index": i} for i in indices)


if __name__ == "__main__":
    main()
