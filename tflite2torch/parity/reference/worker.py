"""The worker process that runs TFLite's interpreter: answers requests on stdin until it ends.

``python -m tflite2torch.parity.reference.worker MODULE BYTES`` limits itself to BYTES of
memory, receives the model in the first message, loads it with the ``Interpreter`` of MODULE,
replies with the model's inputs and outputs, and answers every message of inputs with one of
outputs. A crash or hang of the interpreter ends this process alone.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import IO, Any

from tflite2torch.parity.reference.wire import Message, WireError, receive, send

MAX_LOG = 1 << 20
"""Most bytes that the process may write to a file, its log included."""


def main() -> None:
    """Serve one model, then end."""
    module, memory = sys.argv[1], int(sys.argv[2])
    limit_resources(memory)
    requests, replies = claim_pipes()
    try:
        interpreter = load(module, receive(requests, memory))
        version = str(import_module(module.partition(".")[0]).__version__)
        send(replies, Message({**describe(interpreter), "version": version}))
        while True:
            send(replies, answer(interpreter, receive(requests, memory)))
    except EOFError:
        return
    except (ImportError, MemoryError, RuntimeError, ValueError, WireError) as error:
        failure = {"error": type(error).__name__, "message": str(error)}
        send(replies, Message(failure))


def limit_resources(memory: int) -> None:
    """Limit memory, file sizes and core dumps, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows: the caller's time limit is the only one
        return
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: MAX_LOG,
        resource.RLIMIT_CORE: 0,
    }
    for kind, wanted in limits.items():
        hard = resource.getrlimit(kind)[1]
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(kind, (allowed, allowed))
        except (OSError, ValueError):  # macOS refuses RLIMIT_AS
            continue


def claim_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the streams of requests and replies; redirect other output to stderr."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, replies


def load(module: str, request: Message) -> Any:
    """Return an interpreter for the model in the request, ready to run.

    LiteRT's, and TensorFlow's that it came from, take the same arguments.
    """
    runtime = import_module(module)
    resolvers = {
        "reference": runtime.OpResolverType.BUILTIN_REF,
        "builtin": runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "xnnpack": runtime.OpResolverType.BUILTIN,
    }
    interpreter = runtime.Interpreter(
        model_content=request.arrays[0].tobytes(),
        experimental_op_resolver_type=resolvers[request.fields["kernels"]],
        num_threads=1,
        # Without it the interpreter lets a RESHAPE's result share its operand's memory,
        # and may overwrite it while the operand is still needed. XNNPACK does not.
        experimental_preserve_all_tensors=request.fields["kernels"] != "xnnpack",
    )
    interpreter.allocate_tensors()
    return interpreter


def describe(interpreter: Any) -> dict[str, Any]:
    """Return the model's inputs and outputs, and whether a delegate runs a part of it."""
    operators = interpreter._get_ops_details()
    return {
        "inputs": [summary(tensor) for tensor in interpreter.get_input_details()],
        "outputs": [summary(tensor) for tensor in interpreter.get_output_details()],
        "delegated": any(op["op_name"] == "DELEGATE" for op in operators),
    }


def summary(tensor: dict[str, Any]) -> tuple[int, list[int], str]:
    """Return a tensor's index, shape and dtype."""
    return int(tensor["index"]), tensor["shape"].tolist(), tensor["dtype"].__name__


def answer(interpreter: Any, request: Message) -> Message:
    """Run the model on the inputs in the request and return its outputs.

    The outputs are views of the interpreter's memory, valid until it runs again.
    """
    for index, array in request.arrays.items():
        interpreter.set_tensor(index, array)
    interpreter.invoke()
    outputs = [int(tensor["index"]) for tensor in interpreter.get_output_details()]
    return Message(arrays={index: interpreter.tensor(index)() for index in outputs})


if __name__ == "__main__":
    main()
