"""Small files that would make much work or take much memory: parts used again and again.

They are written with the low level of FlatBuffers, which lets tables share what they
refer to; the object API writes a copy for each use.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite2torch.converter.frontends.tflite.flatbuffer import Decoder
from tflite2torch.converter.frontends.tflite.schema import IDENTIFIER, TFLITE

Make = Callable[[], bytes]

BOMBS: dict[str, tuple[Make, str | None]] = {}


def bomb(refusal: str | None) -> Callable[[Make], Make]:
    """Register a file and what its refusal says; None where it may be converted."""

    def register(make: Make) -> Make:
        BOMBS[make.__name__] = (make, refusal)
        return make

    return register


class Writer:
    """Writes a model of one subgraph whose parts may be shared."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(2**20)

    def numbers(self, values: object, dtype: type = np.int32) -> int:
        """Write a list of numbers."""
        return self.builder.CreateNumpyVector(np.asarray(values, dtype))

    def vector(self, offsets: list[int]) -> int:
        """Write a list of tables."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def table(self, kind: str, **fields: int) -> int:
        """Write a table of numbers, or of offsets to what has been written."""
        getattr(schema, f"{kind}Start")(self.builder)
        for name, value in fields.items():
            getattr(schema, f"{kind}Add{name}")(self.builder, value)
        return getattr(schema, f"{kind}End")(self.builder)

    def text(self, words: str) -> int:
        """Write a text."""
        return self.builder.CreateString(words)

    def buffers(self, *contents: bytes) -> int:
        """Write buffers with these contents."""
        data = [self.builder.CreateByteVector(content) for content in contents]
        return self.vector([self.table("Buffer", Data=offset) for offset in data])

    def model(
        self,
        tensors: list[int],
        operators: list[int],
        outputs: list[int],
        code: str = "RELU",
        **fields: int,
    ) -> bytes:
        """Return a file whose only input is tensor 0, with one kind of operator."""
        subgraph = self.table(
            "SubGraph",
            Tensors=self.vector(tensors),
            Operators=self.vector(operators),
            Inputs=self.numbers([0]),
            Outputs=self.numbers(outputs),
        )
        number = getattr(schema.BuiltinOperator, code)
        codes = self.table(
            "OperatorCode", BuiltinCode=number, DeprecatedBuiltinCode=min(number, 127)
        )
        fields.setdefault("Buffers", self.buffers(b""))
        root = self.table(
            "Model",
            Version=3,
            OperatorCodes=self.vector([codes]),
            Subgraphs=self.vector([subgraph]),
            **fields,
        )
        self.builder.Finish(root, b"TFL3")
        return bytes(self.builder.Output())


@bomb(f"it has {2**12 + 1} operators")
def too_many_operators() -> bytes:
    writer = Writer()
    shape = writer.numbers([1, 4])
    count = 2**12 + 1
    tensors = [writer.table("Tensor", Shape=shape) for _ in range(count + 1)]
    operators = [
        writer.table("Operator", Inputs=writer.numbers([i]), Outputs=writer.numbers([i + 1]))
        for i in range(count)
    ]
    return writer.model(tensors, operators, [count])


@bomb("more than 100000 objects")
def too_many_tensors() -> bytes:
    writer = Writer()
    tensor = [writer.table("Tensor") for _ in range(110_000)]
    return writer.model(tensor, [], [0])


@bomb(None)
def many_idle_tensors() -> bytes:
    writer = Writer()
    tensors = [writer.table("Tensor") for _ in range(50_000)]
    return writer.model(tensors, [], [0])


@bomb("again and again|more than .* operands")
def operators_share_operands() -> bytes:
    """4,000 operators of 10,000 operands each, all the same list."""
    writer = Writer()
    tensors = [writer.table("Tensor", Shape=writer.numbers([1])) for _ in range(4001)]
    shared = writer.numbers([0] * 10_000)
    operators = [
        writer.table("Operator", Inputs=shared, Outputs=writer.numbers([i + 1]))
        for i in range(4000)
    ]
    return writer.model(tensors, operators, [1], "ADD_N")


@bomb("again and again")
def tensors_share_scales() -> bytes:
    """40,000 tensors of 100,000 scales each, all the same list."""
    writer = Writer()
    count = 100_000
    scales = writer.numbers(np.ones(count), np.float32)
    points = writer.numbers(np.zeros(count), np.int64)
    shared = writer.table("QuantizationParameters", Scale=scales, ZeroPoint=points)
    shape = writer.numbers([count])
    tensor = [writer.table("Tensor", Shape=shape, Quantization=shared) for _ in range(40_000)]
    return writer.model(tensor, [], [0])


@bomb("again and again")
def tensors_share_truths() -> bytes:
    """40,000 constants of a million truth values each, all the same buffer."""
    writer = Writer()
    count = 1_000_000
    shape = writer.numbers([count])
    kind = schema.TensorType.BOOL
    tensors = [writer.table("Tensor", Shape=shape, Type=kind, Buffer=1) for _ in range(40_000)]
    buffers = writer.buffers(b"", bytes(count))
    return writer.model([writer.table("Tensor"), *tensors], [], [0], Buffers=buffers)


@bomb("again and again")
def metadata_share_a_buffer() -> bytes:
    """1,000 entries of a megabyte each, all the same buffer."""
    writer = Writer()
    entries = [
        writer.table("Metadata", Name=writer.text(f"entry {i}"), Buffer=0) for i in range(1000)
    ]
    metadata, buffers = writer.vector(entries), writer.buffers(bytes(2**20))
    tensors = [writer.table("Tensor")]
    return writer.model(tensors, [], [0], Metadata=metadata, Buffers=buffers)


@bomb("again and again")
def operators_share_options() -> bytes:
    """4,000 custom options of a megabyte each, all the same bytes."""
    writer = Writer()
    options = writer.builder.CreateByteVector(bytes(2**20))
    shape = writer.numbers([1])
    tensors = [writer.table("Tensor", Shape=shape) for _ in range(4001)]
    operators = [
        writer.table(
            "Operator",
            Inputs=writer.numbers([0]),
            Outputs=writer.numbers([i + 1]),
            CustomOptions=options,
        )
        for i in range(4000)
    ]
    return writer.model(tensors, operators, [1])


@bomb("its NewShape has 1000000 elements")
def product_of_a_million_sizes() -> bytes:
    """The product of the sizes is a number of 31 million bits."""
    writer = Writer()
    sizes = writer.numbers(np.full(1_000_000, 2**31 - 1))
    options = writer.table("ReshapeOptions", NewShape=sizes)
    shape = writer.numbers([1, 4])
    tensors = [writer.table("Tensor", Shape=shape) for _ in range(2)]
    operator = writer.table(
        "Operator",
        Inputs=writer.numbers([0]),
        Outputs=writer.numbers([1]),
        BuiltinOptionsType=schema.BuiltinOptions.ReshapeOptions,
        BuiltinOptions=options,
    )
    return writer.model(tensors, [operator], [1], "RESHAPE")


@bomb(None)
def one_name_for_all() -> bytes:
    """50,000 tensors share a name of a megabyte."""
    writer = Writer()
    name = writer.text("x" * 2**20)
    tensors = [writer.table("Tensor", Name=name) for _ in range(50_000)]
    return writer.model(tensors, [], [0])


@bomb(None)
def long_description() -> bytes:
    """A description of 16 MB that takes four times that as escape sequences."""
    writer = Writer()
    description = writer.text("\x01" * 2**24)
    return writer.model([writer.table("Tensor")], [], [0], Description=description)


@bomb("overlaps other parts")
def names_in_names() -> bytes:
    """40,000 names of 30,722 characters, each beginning in the middle of others."""
    writer = Writer()
    tensors = [writer.table("Tensor", Name=writer.text("ab")) for _ in range(40_000)]
    data = bytearray(writer.model(tensors, [], [0]))
    root = Decoder(bytes(data), TFLITE).root(IDENTIFIER, "Model")
    start = len(data)
    data += b"\x02x\0\0" * 50_000  # a length, and part of a text that ends in a zero
    for number, table in enumerate(root["subgraphs"][0]["tensors"]):
        field = table.at + 4
        struct.pack_into("<I", data, field, start + 4 * number - field)
    return bytes(data)


@bomb(None)
def vtables_in_vtables() -> bytes:
    """40,000 tensors, each with a vtable of 65,534 bytes that overlaps with the others."""
    writer = Writer()
    tensors = [writer.table("Tensor") for _ in range(40_000)]
    data = bytearray(writer.model(tensors, [], [0]))
    data += bytes(-len(data) % 4)
    root = Decoder(bytes(data), TFLITE).root(IDENTIFIER, "Model")
    start = len(data)
    # The sizes of a vtable and of its table, and slots of absent fields.
    vtable = struct.pack("<HH28x", 65_534, 4)
    data += vtable * 40_000 + bytes(65_534)
    for number, table in enumerate(root["subgraphs"][0]["tensors"]):
        place = start + len(vtable) * number
        struct.pack_into("<i", data, table.at, table.at - place)
    return bytes(data)
