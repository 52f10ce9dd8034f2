"""Loads the module of a conversion. Needs torch, so that it is imported only on use."""

from __future__ import annotations

from typing import Any

import safetensors.torch
from torch import nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.writer.safety import check_source
from tflite2torch.converter.writer.weights import serialize_weights


def load_module(conversion: Conversion) -> nn.Module:
    """Return a converted model as a module with its weights, in ``eval`` mode.

    It runs the emitted source and reads the bytes of the weights file: the result is that of
    importing and loading what ``convert`` writes.
    """
    namespace: dict[str, Any] = {"__name__": conversion.name}
    check_source(conversion.source)
    code = compile(conversion.source, f"{conversion.name}.py", "exec")
    exec(code, namespace)  # noqa: S102 - checked just above
    model_class = namespace[conversion.class_name]
    module: nn.Module = model_class()
    arrays = {key: value.array for key, value in conversion.state.items()}
    module.load_state_dict(safetensors.torch.load(serialize_weights(arrays)))
    return module.eval()
