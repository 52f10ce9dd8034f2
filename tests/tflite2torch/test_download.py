"""Official models by their names: from the cache, downloaded, resumed, and checked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

import tflite2torch
from tests.support.networks import Network
from tflite2torch import download
from tflite2torch.cli import main
from tflite2torch.converter.official.facts import TABLE
from tflite2torch.download import cached, fetch
from tflite2torch.official_models import OFFICIAL, OfficialModel


class Server(HTTPServer):
    """Serves one file, of which it may send less than it says."""

    content = b""
    cut = 0
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        content = self.server.content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - self.server.cut])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        b = Network()
        server.content = b.build([b.conv(b.input((1, 8, 8, 3)), 3, 4)])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def official(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OfficialModel:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = OfficialModel(
        "tiny",
        "tiny.tflite",
        hashlib.sha256(server.content).hexdigest(),
        f"http://127.0.0.1:{server.server_port}/tiny.tflite",
        ("tiny",),
    )
    monkeypatch.setattr(download, "OFFICIAL", {"tiny": found})
    return found


def test_a_model_is_downloaded_once(server: Server, official: OfficialModel) -> None:
    module = tflite2torch.load("tiny")
    assert len(list(module.parameters())) == 2  # type: ignore[union-attr]
    assert tflite2torch.load("tiny")
    assert server.asked == [None]
    assert cached(official).read_bytes() == server.content


def test_a_file_of_that_name_comes_first(
    official: OfficialModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()
    with pytest.raises(tflite2torch.SourceError, match=r"no \.tflite"):
        tflite2torch.load("tiny")


def test_an_interrupted_download_goes_on(server: Server, official: OfficialModel) -> None:
    server.cut = 100
    with pytest.raises(tflite2torch.SourceError, match="cannot be downloaded"):
        fetch(official)
    assert not cached(official).exists()
    server.cut = 0
    told: list[int] = []
    assert fetch(official, lambda done, total: told.append(done)).read_bytes() == server.content
    assert server.asked == [None, f"bytes={len(server.content) - 100}-"]
    assert told[-1] == len(server.content)


def test_another_checksum_is_refused(official: OfficialModel) -> None:
    other = replace(official, sha256="0" * 64)
    with pytest.raises(tflite2torch.SourceError, match=f"has the SHA-256 {official.sha256}, not 0"):
        fetch(other)
    assert not list(cached(other).parent.iterdir())


def test_a_cache_that_was_changed_is_refused(official: OfficialModel) -> None:
    fetch(official).write_bytes(b"something else")
    with pytest.raises(tflite2torch.SourceError, match=r"not the official tiny\.tflite"):
        fetch(official)


def test_without_a_network_the_place_is_told(official: OfficialModel) -> None:
    offline = replace(official, url="http://127.0.0.1:9/tiny.tflite")
    with pytest.raises(tflite2torch.SourceError) as caught:
        fetch(offline)
    assert f"put it into {cached(offline).parent}" in str(caught.value)
    assert official.sha256 in str(caught.value)


def test_the_registry_and_the_table_of_facts_agree(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known = {sha256 for entry in TABLE for sha256 in entry.files}
    files = [model for model in OFFICIAL.values() if model.file.endswith(".tflite")]
    assert files
    assert {model.sha256 for model in files} <= known
    shown = CliRunner().invoke(main, ["list"], terminal_width=200).stdout
    assert all(name in shown for name in OFFICIAL)
