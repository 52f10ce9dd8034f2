"""Emitted source holds nothing but what the writer prints."""

import pytest

from tflite2torch.converter.writer.safety import UnsafeSourceError, check_source

MODULE = '''"""doc."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv(x))
        return torch.cat([x, y], dim=1)
'''


def test_what_the_writer_prints_passes() -> None:
    check_source(MODULE)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("import os", "import os"),
        ("from torch import hub", "hub"),
        ("x = __import__('os')", "__import__"),
        ("x = eval('1')", "eval"),
        ("x = torch.__dict__", "__dict__"),
        ("x = nn._reduction", "_reduction"),
        ("x = open('/etc/passwd')", "open"),
        ("x = lambda: 0", "Lambda"),
        ("x = f'{torch}'", "JoinedStr"),
        ("exec('1')", "exec"),
        ("try:\n    pass\nexcept Exception:\n    pass", "Try"),
        ("global torch", "Global"),
        ("@torch.no_grad()\ndef f():\n    return 0", "decorator"),
    ],
)
def test_anything_else_does_not(line: str, named: str) -> None:
    with pytest.raises(UnsafeSourceError, match=named):
        check_source(f"{MODULE}\n\n{line}\n")
