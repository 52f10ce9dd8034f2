"""Where the package keeps what it downloads and installs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return this package's folder in the user's cache, whether it exists or not."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    root = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return root / "tflite2torch"
