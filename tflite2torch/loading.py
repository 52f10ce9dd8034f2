"""Conversion → a live module. Needs torch; imported only where one is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from converter.convert import Conversion
from converter.writer.safety import check_source


def load_module(conversion: Conversion) -> nn.Module:
    """Return a converted model as a module with its weights, in ``eval`` mode.

    It is the emitted source that runs, as one who imports the written file gets it.
    """
    namespace: dict[str, Any] = {"__name__": conversion.name}
    check_source(conversion.source)
    code = compile(conversion.source, f"{conversion.name}.py", "exec")
    exec(code, namespace)  # noqa: S102 - checked just above
    model_class = namespace[conversion.class_name]
    module: nn.Module = model_class()
    module.load_state_dict(
        {key: _tensor(value.array) for key, value in conversion.state.items()}
    )
    return module.eval()


def _tensor(array: np.ndarray) -> torch.Tensor:
    wide = np.float32 if array.dtype == np.float16 else array.dtype
    return torch.from_numpy(np.array(array, dtype=wide, order="C"))
