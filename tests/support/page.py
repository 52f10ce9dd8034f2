"""What a page of ``--html`` shows."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any


def data_of(page: Path) -> dict[str, Any]:
    """Return the data that the page in a file unpacks."""
    return data_in(page.read_text("utf-8"))


def data_in(page: str) -> dict[str, Any]:
    """Return the data that a page unpacks."""
    found = re.search(r'id="data" type="[^"]*">(.*)</', page)
    assert found is not None
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return data
