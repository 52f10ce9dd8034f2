"""TFLite answers as asked, and whatever becomes of it, this process goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.fakes import Fakes
from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.reference import run_reference
from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.parity.reference.interpreter import KERNELS, Kernels, Reference
from tflite2torch.parity.reference.process import Limits


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Put an interpreter of one's own in place of the installed one."""
    return Fakes(tmp_path, monkeypatch)


def convolution() -> bytes:
    weights = np.linspace(-1, 1, 108, dtype=np.float32).reshape(4, 3, 3, 3)
    options = schema.Conv2DOptionsT(strideW=1, strideH=1)
    operands = [Tensor((1, 5, 6, 3)), weights, np.zeros(4, np.float32)]
    return one_operator_model("CONV_2D", operands, options=options)


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_session_answers_one_input_after_the_other(kernels: Kernels) -> None:
    model = convolution()
    generator = np.random.default_rng(0)
    with Reference(model, kernels) as reference:
        [declared] = reference.inputs
        assert (declared.shape, declared.dtype) == ((1, 5, 6, 3), "float32")
        for _ in range(3):
            pixels = generator.standard_normal((1, 5, 6, 3)).astype(np.float32)
            [answer] = reference.run([pixels]).values()
            [expected] = run_reference(model, [pixels], kernels)
            np.testing.assert_array_equal(answer, expected, strict=True)
        assert reference.delegated == (kernels == "xnnpack")


def test_an_operator_that_xnnpack_does_not_take_is_not_delegated() -> None:
    cumsum = one_operator_model(
        "CUMSUM", [Tensor((1, 4)), np.int32(1)], options=schema.CumsumOptionsT()
    )
    with Reference(cumsum, "xnnpack") as reference:
        assert not reference.delegated


def test_tensors_go_by_index_and_inputs_by_order() -> None:
    builder = ModelBuilder()
    one, two = builder.input((1, 2)), builder.input((1, 2))
    [difference] = builder.operator("SUB", [one, two], options=schema.SubOptionsT())
    [negative] = builder.operator("NEG", [difference])
    with Reference(builder.build([negative, difference]), "reference") as reference:
        inputs = [np.float32([[5, 7]]), np.float32([[1, 1]])]
        answers = reference.run(inputs)
        assert [t.index for t in reference.outputs] == [
            negative.index,
            difference.index,
        ]
        assert answers[difference.index].tolist() == [[4, 6]]
        assert answers[negative.index].tolist() == [[-4, -6]]
        with pytest.raises(ValueError, match="argument"):
            reference.run(inputs[:1])


def test_inputs_of_another_shape_are_refused() -> None:
    with (
        Reference(convolution(), "reference", label="tiny") as reference,
        pytest.raises(ReferenceFailedError, match=r"tiny: LiteRT, reference.*mismatch"),
    ):
        reference.run([np.zeros((2, 5, 6, 3), np.float32)])


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_file_that_is_no_model_is_refused(kernels: Kernels) -> None:
    with pytest.raises(ReferenceFailedError, match=f"x.tflite: LiteRT, {kernels}"):
        Reference(b"\x89PNG not a model", kernels, label="x.tflite")


def test_an_operator_that_the_interpreter_lacks_is_named() -> None:
    model = one_operator_model("Blink", [Tensor((1, 2))], [Tensor((1, 2))])
    with pytest.raises(ReferenceFailedError, match=r"custom op: Blink"):
        Reference(model, "reference")


def test_what_a_file_says_cannot_break_the_line() -> None:
    name = "Blink\n\x1b[31mred" + "x" * 2000
    model = one_operator_model(name, [Tensor((1, 2))], [Tensor((1, 2))])
    with pytest.raises(ReferenceFailedError) as caught:
        Reference(model, "reference")
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500


def test_a_model_that_wants_too_much_memory_is_stopped() -> None:
    size = np.int32([1 << 14, 1 << 14])
    operands = [Tensor((1, 1)), size]
    shape = Tensor((1 << 14, 1 << 14))
    model = one_operator_model("BROADCAST_TO", operands, [shape], version=2)
    with pytest.raises(ReferenceFailedError, match="512 MiB of memory"):
        run_once(model, Limits(memory=512 << 20), (1, 1))


def run_once(model: bytes, limits: Limits, shape: tuple[int, ...] = (1, 2)) -> None:
    with Reference(model, "reference", limits=limits) as reference:
        reference.run([np.zeros(shape, np.float32)])


def test_a_reference_that_hangs_is_stopped(fakes: Fakes) -> None:
    fakes.interpreter("time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(ReferenceFailedError, match="no answer within 1 s"):
        run_once(b"", Limits(seconds=1))
    assert time.monotonic() - started < 10


def test_a_reference_killed_in_the_middle(fakes: Fakes) -> None:
    fakes.interpreter("time.sleep(60)")
    with Reference(b"", "reference") as reference:
        kill = [reference.process_id, signal.SIGKILL]
        timer = threading.Timer(0.3, os.kill, kill)
        timer.start()
        with pytest.raises(ReferenceFailedError, match="ended by SIGKILL"):
            reference.run([np.zeros((1, 2), np.float32)])
        timer.join()


def test_a_reference_that_crashes(fakes: Fakes) -> None:
    fakes.interpreter("sys.stderr.write('free(): bad pointer\\n'); os.abort()")
    message = r"ended by SIGABRT \(free\(\): bad pointer\)"
    with pytest.raises(ReferenceFailedError, match=message):
        run_once(b"", Limits())


def test_a_reference_that_exits(fakes: Fakes) -> None:
    fakes.interpreter("os._exit(3)")
    with pytest.raises(ReferenceFailedError, match="ended with exit code 3"):
        run_once(b"", Limits())


@pytest.mark.parametrize(
    "garbage", ["np.float32([[1, 2, 3]])", "np.float32([1, 2])", "np.float64([[1, 2]])"]
)
def test_a_reference_that_answers_with_something_else_than_it_declared(
    fakes: Fakes, garbage: str
) -> None:
    fakes.interpreter(f"self.answer = {garbage}")
    with pytest.raises(ReferenceFailedError, match=r"float32 \[1, 2\] for tensor 1"):
        run_once(b"", Limits())


def test_a_reference_whose_answer_is_no_message(
    fakes: Fakes,
) -> None:
    pipes = "(fd for fd in range(3, 20) if os.path.exists(f'/dev/fd/{fd}'))"
    fakes.interpreter(f"[os.write(fd, b'garbage!') for fd in {pipes}]")
    with pytest.raises(ReferenceFailedError, match="answered with a header of"):
        run_once(b"", Limits())


def test_chatter_does_not_reach_the_answers(fakes: Fakes) -> None:
    fakes.interpreter("print('more chatter', flush=True)")
    with Reference(b"", "reference") as reference:
        answers = reference.run([np.zeros((1, 2), np.float32)])
    assert answers[1].tolist() == [[1, 1]]


def test_an_interpreter_that_is_not_installed(
    fakes: Fakes,
) -> None:
    fakes.interpreter("", source="raise ModuleNotFoundError('No module named x')")
    message = r'No module named x\); pip install "tflite2torch\[parity\]"'
    with pytest.raises(ReferenceFailedError, match=message) as caught:
        Reference(b"", "reference")
    assert caught.value.exit_code == 3


def test_closing_ends_the_process() -> None:
    with Reference(convolution(), "reference") as reference:
        os.kill(reference.process_id, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(reference.process_id, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's time")
def test_the_time_of_others_does_not_count(fakes: Fakes) -> None:
    """It takes two seconds and has, as beside many others, a small share of the processor."""
    fakes.interpreter("[time.sleep(0.02) or sum(range(60000)) for _ in range(100)]")
    with Reference(b"", "reference", limits=Limits(seconds=1)) as reference:
        started = time.monotonic()
        reference.run([np.zeros((1, 2), np.float32)])
        assert time.monotonic() - started > 2


def test_a_reference_that_computes_for_ever_is_stopped(fakes: Fakes) -> None:
    fakes.interpreter("while True: pass")
    with pytest.raises(ReferenceFailedError, match="no answer within 1 s; see --time-limit"):
        run_once(b"", Limits(seconds=1))
