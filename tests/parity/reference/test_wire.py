"""Messages arrive as they were sent, and nothing else is taken for one."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest

from tflite2torch.parity.reference.wire import (
    DTYPES,
    MAX_HEADER,
    Message,
    WireError,
    receive,
    send,
)


def sent(message: Message) -> bytes:
    stream = io.BytesIO()
    send(stream, message)
    return stream.getvalue()


def framed(header: object, content: bytes = b"") -> io.BytesIO:
    text = json.dumps(header).encode()
    return io.BytesIO(struct.pack("<I", len(text)) + text + content)


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_arrays_of_every_type_arrive_whole(dtype: str) -> None:
    arrays = {
        7: np.arange(6).reshape(1, 2, 3).astype(dtype).transpose(2, 0, 1),
        3: np.array(1, dtype),
        0: np.empty((0, 4), dtype),
    }
    got = receive(io.BytesIO(sent(Message({"a": [1, "b"]}, arrays))), 1000)
    assert got.fields == {"a": [1, "b"]}
    assert list(got.arrays) == [7, 3, 0]
    for index, array in arrays.items():
        assert got.arrays[index].dtype == dtype
        np.testing.assert_array_equal(got.arrays[index], array, strict=True)


def test_messages_follow_each_other_in_one_stream() -> None:
    one, two = Message({}, {1: np.float32([1])}), Message({"last": True})
    stream = io.BytesIO(sent(one) + sent(two))
    assert receive(stream, 4).arrays[1].tolist() == [1]
    assert receive(stream, 4).fields == {"last": True}
    with pytest.raises(EOFError):
        receive(stream, 4)


def test_a_stream_that_ends_early_is_noticed_at_every_byte() -> None:
    whole = sent(Message({"a": 1}, {1: np.float32([1, 2])}))
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            receive(io.BytesIO(whole[:length]), 100)


def test_arrays_above_the_limit_are_not_read() -> None:
    header = {"fields": {}, "arrays": [[0, "float32", [1 << 20, 1 << 20]]]}
    with pytest.raises(WireError, match="more than 1000 bytes"):
        receive(framed(header), 1000)


def test_a_header_above_the_limit_is_not_read() -> None:
    with pytest.raises(WireError, match="header"):
        receive(io.BytesIO(struct.pack("<I", MAX_HEADER + 1)), 1000)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"fields": {}},
        {"fields": {}, "arrays": [[0, "object", [1]]]},
        {"fields": {}, "arrays": [[0, "O", [1]]]},
        {"fields": {}, "arrays": [[0, ["float32"], [1]]]},
        {"fields": {}, "arrays": [[0, "float32", [-1]]]},
        {"fields": {}, "arrays": [[0, "float32", [0.5]]]},
        {"fields": {}, "arrays": [[0, "float32"]]},
        {"fields": {}, "arrays": [["0", "float32", []]]},
    ],
)
def test_what_is_no_message_is_refused(header: object) -> None:
    with pytest.raises(WireError):
        receive(framed(header, bytes(8)), 1000)


def test_only_numbers_are_sent() -> None:
    with pytest.raises(WireError, match="tensor 4"):
        send(io.BytesIO(), Message({}, {4: np.array([b"text"])}))
