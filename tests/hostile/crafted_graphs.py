"""Models whose files, tensors or order of operators are wrong; see ``crafted``."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.hostile.crafted import (
    ADD,
    ADDED,
    ADDEND,
    BIAS,
    CONV,
    CONVOLVED,
    FILTERS,
    INPUT,
    crafted,
    fill,
    good_model,
    operator,
    tensor,
    unpacked,
)


@crafted(None)
def nothing_changed(model: Any) -> None:
    pass


@crafted(None, sparse=True)
def nothing_changed_sparse(model: Any) -> None:
    pass


@crafted("its version is 4, not 3")
def other_version(model: Any) -> None:
    model.version = 4


@crafted("its version is 0, not 3|its version is None, not 3")
def no_version(model: Any) -> None:
    model.version = 0


@crafted("no subgraph")
def no_subgraphs(model: Any) -> None:
    model.subgraphs = []


@crafted("buffer 1 of 0 does not exist|buffer 0 of 0 does not exist")
def no_buffers(model: Any) -> None:
    model.buffers = []


@crafted("operator 0: its code 0 of 0 does not exist")
def no_operator_codes(model: Any) -> None:
    model.operatorCodes = []


@crafted("it has no outputs")
def no_outputs(model: Any) -> None:
    model.subgraphs[0].outputs = []


@crafted("metadata 'a': buffer 99 of")
def metadata_without_buffer(model: Any) -> None:
    model.metadata = [schema.MetadataT(name="a", buffer=99)]


@crafted("metadata 'a': there is another one")
def metadata_twice(model: Any) -> None:
    model.metadata = [schema.MetadataT(name="a"), schema.MetadataT(name="a")]


@crafted("TFLITE_METADATA: a file of 0 bytes")
def metadata_empty(model: Any) -> None:
    model.metadata = [schema.MetadataT(name="TFLITE_METADATA")]


@crafted("TFLITE_METADATA: the identifier M001 is missing")
def metadata_not_metadata(model: Any) -> None:
    model.metadata = [schema.MetadataT(name="TFLITE_METADATA", buffer=1)]


@crafted(None)
def second_subgraph_unused(model: Any) -> None:
    model.subgraphs.append(unpacked(good_model()).subgraphs[0])


@crafted("subgraph 1, operator 0 .*tensor 77 of .* does not exist")
def second_subgraph_broken(model: Any) -> None:
    other = unpacked(good_model()).subgraphs[0]
    other.operators[0].inputs = [77, FILTERS, BIAS]
    model.subgraphs.append(other)


# ------------------------------------------------------------------------------ tensors


@crafted("tensor 0 .*is negative")
def negative_size(model: Any) -> None:
    tensor(model, INPUT).shape = [1, -8, 8, 3]


@crafted("tensor 0 .*more than 2147483647 bytes")
def huge_shape(model: Any) -> None:
    tensor(model, INPUT).shape = [1, 2**15, 2**14, 1]


@crafted("tensor 0 .*more than 2147483647 bytes")
def overflowing_shape(model: Any) -> None:
    """Its size is 0 modulo 2**32 and modulo 2**64."""
    tensor(model, INPUT).shape = [2**30, 2**30, 2**30, 2**30]


@crafted("tensor 0 .*more than 2147483647 bytes")
def huge_shape_of_nothing(model: Any) -> None:
    tensor(model, INPUT).shape = [0, 2**30, 2**30, 2**30]


@crafted("tensor 0 .*33 axes")
def too_many_axes(model: Any) -> None:
    tensor(model, INPUT).shape = [1] * 33


@crafted("tensor 0 .*type is number 99")
def no_such_type(model: Any) -> None:
    tensor(model, INPUT).type = 99


@crafted("tensor 0 .*type is number -1")
def negative_type(model: Any) -> None:
    tensor(model, INPUT).type = -1


@crafted("tensor 1 .*buffer 99 of .* does not exist")
def no_such_buffer(model: Any) -> None:
    tensor(model, FILTERS).buffer = 99


@crafted("tensor 1 .*holds 428 bytes.*are 432")
def constant_too_short(model: Any) -> None:
    fill(model, FILTERS, np.zeros(107, np.float32))


@crafted("tensor 1 .*holds 436 bytes.*are 432")
def constant_too_long(model: Any) -> None:
    fill(model, FILTERS, np.zeros(109, np.float32))


@crafted("tensor 1 .*is read before anything is written")
def constant_missing(model: Any) -> None:
    """An empty buffer must not become zeros."""
    fill(model, FILTERS, np.empty(0, np.float32))


@crafted("its weights are float16, its data float32")
def weights_of_another_type(model: Any) -> None:
    tensor(model, FILTERS).type = schema.TensorType.FLOAT16
    fill(model, FILTERS, np.zeros(108, np.float16))


@crafted("tensor 1 .*3 scales and 2 zero points")
def zero_points_missing(model: Any) -> None:
    tensor(model, FILTERS).quantization = schema.QuantizationParametersT(
        scale=[1, 2, 3], zeroPoint=[0, 0], quantizedDimension=1
    )


@crafted("tensor 1 .*4 scales do not fit axis 1")
def scales_on_another_axis(model: Any) -> None:
    tensor(model, FILTERS).quantization = schema.QuantizationParametersT(
        scale=[1] * 4, zeroPoint=[0] * 4, quantizedDimension=1
    )


@crafted("tensor 1 .*4 scales do not fit axis 7")
def scales_on_no_axis(model: Any) -> None:
    tensor(model, FILTERS).quantization = schema.QuantizationParametersT(
        scale=[1] * 4, zeroPoint=[0] * 4, quantizedDimension=7
    )


@crafted("tensor 1 .*a scale is not a finite number")
def scale_of_infinity(model: Any) -> None:
    tensor(model, FILTERS).quantization = schema.QuantizationParametersT(
        scale=[float("inf")], zeroPoint=[0]
    )


@crafted("it keeps its value from one run to the next")
def variable(model: Any) -> None:
    tensor(model, CONVOLVED).isVariable = True


@crafted("its values are in another file")
def values_elsewhere(model: Any) -> None:
    tensor(model, FILTERS).externalBuffer = 1


@crafted("buffer 2, bytes .* lie behind the file's end|buffer 2: bytes")
def buffer_behind_the_end(model: Any) -> None:
    model.buffers[2] = schema.BufferT(offset=2**20, size=432)


@crafted("buffer 2: bytes .* lie behind the file's end")
def buffer_offset_overflows(model: Any) -> None:
    """Offset and size add up to 16 modulo 2**64."""
    model.buffers[2] = schema.BufferT(offset=2**64 - 416, size=432)


@crafted("buffer 1: it stands in two places")
def buffer_in_two_places(model: Any) -> None:
    model.buffers[1].offset, model.buffers[1].size = 16, 4


# ---------------------------------------------------------------------------- the order


@crafted("tensor 99 of .* does not exist")
def input_missing(model: Any) -> None:
    model.subgraphs[0].inputs = [99]


@crafted("tensor -1 of .* does not exist")
def input_negative(model: Any) -> None:
    model.subgraphs[0].inputs = [-1]


@crafted("inputs: tensor 0 .* is written twice")
def input_twice(model: Any) -> None:
    model.subgraphs[0].inputs = [0, 0]


@crafted("inputs: tensor 1 .* is written twice")
def input_constant(model: Any) -> None:
    model.subgraphs[0].inputs = [0, 1]


@crafted("tensor 0 .* is read before anything is written")
def input_forgotten(model: Any) -> None:
    model.subgraphs[0].inputs = []


@crafted("tensor 99 of .* does not exist")
def output_missing(model: Any) -> None:
    model.subgraphs[0].outputs = [99]


@crafted("tensor .* is read before anything is written")
def output_never_written(model: Any) -> None:
    model.subgraphs[0].tensors.append(schema.TensorT(shape=[1], name="orphan"))
    model.subgraphs[0].outputs = [len(model.subgraphs[0].tensors) - 1]


@crafted("operator 0: its code 99 of 4 does not exist")
def code_missing(model: Any) -> None:
    operator(model, CONV).opcodeIndex = 99


@crafted("operator 1 .*tensor 99 of .* does not exist")
def operand_missing(model: Any) -> None:
    operator(model, ADD).inputs = [99, ADDEND]


@crafted("operator 1 .*tensor -2 of .* does not exist")
def operand_negative(model: Any) -> None:
    operator(model, ADD).inputs = [-2, ADDEND]


@crafted("operator 1 .*lacks its input 1")
def operand_left_out(model: Any) -> None:
    operator(model, ADD).inputs = [CONVOLVED, -1]


@crafted("operator 1 .*tensor -1 of .* does not exist")
def result_left_out(model: Any) -> None:
    operator(model, ADD).outputs = [-1]


@crafted("operator 1 .*tensor 5 .* is read before anything is written")
def reads_itself(model: Any) -> None:
    operator(model, ADD).inputs = [ADDED, ADDEND]


@crafted("operator 0 .*tensor 3 .* is read before anything is written")
def operators_out_of_order(model: Any) -> None:
    operators = model.subgraphs[0].operators
    operators[CONV], operators[ADD] = operators[ADD], operators[CONV]


@crafted("operator 1 .*outputs.*tensor 3 .* is written twice")
def written_twice(model: Any) -> None:
    operator(model, ADD).outputs = [CONVOLVED]


@crafted("operator 1 .*outputs.*tensor 1 .* is written twice")
def constant_overwritten(model: Any) -> None:
    operator(model, ADD).outputs = [FILTERS]


@crafted("operator 1 .*outputs.*tensor 0 .* is written twice")
def input_overwritten(model: Any) -> None:
    operator(model, ADD).outputs = [INPUT]
