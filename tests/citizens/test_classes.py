"""Classes that ``load`` gives are as good as those of the same file imported from disk."""

from __future__ import annotations

import copy
import inspect
import io
import multiprocessing
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.support.networks import Network
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.writer.safety import UnsafeSourceError

IMAGES = torch.linspace(-1, 1, 2 * 3 * 4 * 5).view(2, 3, 4, 5)


def converted(blocks: int = 2) -> Conversion:
    """Convert a convolution and some residual blocks."""
    network = Network()
    x = network.conv(network.input((1, 4, 5, 3)), 3, 6)
    for _ in range(blocks):
        x = network.residual(x, 6)
    return convert_bytes(network.build([x]), "citizen")


@pytest.fixture(params=["loaded", "imported"])
def module(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[nn.Module]:
    """The same model by ``load``, and from the files that ``convert`` writes."""
    conversion = converted()
    if request.param == "loaded":
        yield load_module(conversion)
        return
    write_conversions([conversion], tmp_path, "safetensors", "float32", force=False)
    monkeypatch.syspath_prepend(tmp_path)
    module: nn.Module = getattr(import_module(conversion.name), conversion.class_name)()
    module.load_state_dict(load_file(tmp_path / f"{conversion.name}.safetensors"))
    yield module.eval()
    del sys.modules[conversion.name]


def test_inspect_shows_the_source(module: nn.Module) -> None:
    block = type(module.get_submodule("stage")[0])
    source = converted().source
    for shown in (type(module), type(module).forward, block):
        text = inspect.getsource(shown)
        assert text.lstrip().startswith(("class ", "def "))
        assert text in source
    assert inspect.getsource(sys.modules[type(module).__module__]) == source


def test_a_traceback_shows_the_line(module: nn.Module) -> None:
    with pytest.raises(RuntimeError) as caught:
        module(IMAGES.double())
    assert "self.stem(x)" in "".join(traceback.format_exception(caught.value))


def test_annotations_are_types(module: nn.Module) -> None:
    assert get_type_hints(type(module).forward) == {"x": Tensor, "return": Tensor}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_script(module: nn.Module) -> None:
    assert torch.equal(torch.jit.script(module)(IMAGES), module(IMAGES))


def through_pickle(module: nn.Module) -> nn.Module:
    unpickled: nn.Module = pickle.loads(pickle.dumps(module))  # noqa: S301 - just pickled
    return unpickled


def through_a_file(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_a_file])
def test_a_copy_is_of_the_same_class(
    module: nn.Module, copied: Callable[[nn.Module], nn.Module]
) -> None:
    other = copied(module)
    assert other is not module
    assert type(other) is type(module)
    assert torch.equal(other(IMAGES), module(IMAGES))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_takes_it(module: nn.Module) -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(type, (module,)) is type(module)


def test_a_model_has_one_class_however_often_it_is_loaded() -> None:
    assert type(load_module(converted())) is type(load_module(converted()))


def test_models_of_one_name_do_not_clash() -> None:
    small, large = load_module(converted(1)), load_module(converted(2))
    assert type(small).__name__ == type(large).__name__
    for module in (small, large):
        assert type(through_pickle(module)) is type(module)
        assert inspect.getsource(type(module)) in converted(1 + (module is large)).source


def test_what_the_writer_never_prints_is_not_run() -> None:
    conversion = converted()
    before = set(sys.modules)
    with pytest.raises(UnsafeSourceError):
        load_module(replace(conversion, source=conversion.source + "\nimport this\n"))
    assert set(sys.modules) == before
