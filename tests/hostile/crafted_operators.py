"""Models one of whose operators is wrong; see ``crafted``."""

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
    LINEAR,
    RESHAPE,
    SIZES,
    become,
    crafted,
    fill,
    operator,
    tensor,
)


@crafted("its code is -5")
def negative_code(model: Any) -> None:
    """The larger one of -5 and 0 would be ADD."""
    code = model.operatorCodes[CONV]
    code.builtinCode, code.deprecatedBuiltinCode = 0, -5


@crafted("no such operator is known")
def unheard_of_code(model: Any) -> None:
    model.operatorCodes[CONV].builtinCode = 9999


@crafted("operator 0: its version is 0")
def version_zero(model: Any) -> None:
    model.operatorCodes[CONV].version = 0


@crafted("operator 0: its version is 70000")
def version_unheard_of(model: Any) -> None:
    model.operatorCodes[CONV].version = 70_000


@crafted("a custom operator without a name")
def custom_without_name(model: Any) -> None:
    model.operatorCodes[CONV].builtinCode = schema.BuiltinOperator.CUSTOM


@crafted(None)
def old_code_only(model: Any) -> None:
    """Files of the first years fill the field of eight bits alone."""
    for code in model.operatorCodes:
        code.builtinCode = 0


@crafted("operator 0 .*lacks its options, of the class Conv2DOptions")
def options_missing(model: Any) -> None:
    step = operator(model, CONV)
    step.builtinOptionsType, step.builtinOptions = 0, None


@crafted("operator 0 .*lacks its options, of the class Conv2DOptions")
def options_of_another_operator(model: Any) -> None:
    operator(model, CONV).builtinOptionsType = schema.BuiltinOptions.Pool2DOptions
    operator(model, CONV).builtinOptions = schema.Pool2DOptionsT()


@crafted("operator 0 .*cannot have 1 inputs")
def too_few_inputs(model: Any) -> None:
    operator(model, CONV).inputs = [INPUT]


@crafted("operator 0 .*cannot have 4 inputs")
def too_many_inputs(model: Any) -> None:
    operator(model, CONV).inputs = [INPUT, FILTERS, BIAS, BIAS]


@crafted("operator 1 .*cannot have 0 outputs")
def no_results(model: Any) -> None:
    operator(model, ADD).outputs = []


@crafted("operator 0 .*strides .* are not all from 1")
def stride_zero(model: Any) -> None:
    operator(model, CONV).builtinOptions.strideH = 0


@crafted("operator 0 .*strides .* are not all from 1")
def stride_negative(model: Any) -> None:
    operator(model, CONV).builtinOptions.strideW = -2


@crafted("operator 0 .*strides .* are not all from 1 to 32767")
def stride_huge(model: Any) -> None:
    operator(model, CONV).builtinOptions.strideW = 2**31 - 1


@crafted("operator 0 .*dilations .* are not all from 1")
def dilation_zero(model: Any) -> None:
    operator(model, CONV).builtinOptions.dilationHFactor = 0


@crafted("operator 0 .*its Padding is number 7")
def padding_of_no_kind(model: Any) -> None:
    operator(model, CONV).builtinOptions.padding = 7


@crafted("operator 0 .*its FusedActivationFunction is number 77")
def activation_of_no_kind(model: Any) -> None:
    operator(model, CONV).builtinOptions.fusedActivationFunction = 77


@crafted(r"operator 0 .*window of \[9, 9\] does not fit \[8, 8\]")
def window_too_large(model: Any) -> None:
    options = operator(model, CONV).builtinOptions
    options.padding = schema.Padding.VALID
    options.dilationHFactor = options.dilationWFactor = 4


@crafted("operator 0 .*4 filters of 2 channels do not fit 3 channels")
def channels_do_not_fit(model: Any) -> None:
    tensor(model, FILTERS).shape = [4, 3, 3, 2]
    fill(model, FILTERS, np.zeros(72, np.float32))


@crafted(r"operator 0 .*a bias of float32 \[3\] for 4 filters")
def bias_does_not_fit(model: Any) -> None:
    tensor(model, BIAS).shape = [3]
    fill(model, BIAS, np.zeros(3, np.float32))


@crafted(r"operator 0 .*gives float32 \[1, 4, 4, 4\], but tensor 3 .*\[1, 8, 8, 4\]")
def result_of_another_shape(model: Any) -> None:
    tensor(model, CONVOLVED).shape = [1, 8, 8, 4]


@crafted("operator 0 .*gives float32 .*, but tensor 3 .* is int32")
def result_of_another_type(model: Any) -> None:
    tensor(model, CONVOLVED).type = schema.TensorType.INT32


@crafted("operator 1 .*do not broadcast")
def operands_do_not_broadcast(model: Any) -> None:
    tensor(model, ADDEND).shape = [3]
    fill(model, ADDEND, np.zeros(3, np.float32))


@crafted("operator 1 .*its operands differ in type: float32, int32")
def operands_of_two_types(model: Any) -> None:
    tensor(model, ADDEND).type = schema.TensorType.INT32


@crafted(r"operator 2 .*cannot make \[1, 65\] of 64 elements")
def reshape_of_another_size(model: Any) -> None:
    fill(model, SIZES, np.int32([1, 65]))


@crafted(r"operator 2 .*cannot make \[-1, -1\] of 64 elements")
def reshape_of_two_unknowns(model: Any) -> None:
    fill(model, SIZES, np.int32([-1, -1]))


@crafted(r"operator 2 .*cannot make \[-2, -32\] of 64 elements")
def reshape_of_negatives(model: Any) -> None:
    """Their product is the right number of elements."""
    fill(model, SIZES, np.int32([-2, -32]))


@crafted("operator 2 .*its input 1 is float32, not integers")
def reshape_by_floats(model: Any) -> None:
    tensor(model, SIZES).type = schema.TensorType.FLOAT32


@crafted("operator 3 .*64 elements do not make rows of 63")
def rows_do_not_fit(model: Any) -> None:
    weights = operator(model, LINEAR).inputs[1]
    tensor(model, weights).shape = [5, 63]
    fill(model, weights, np.zeros(5 * 63, np.float32))


@crafted("operator 2 .*does not permute 4 axes")
def transpose_twice_the_same(model: Any) -> None:
    become(model, RESHAPE, "TRANSPOSE")
    tensor(model, SIZES).shape = [4]
    fill(model, SIZES, np.int32([0, 1, 1, 3]))


@crafted("operator 2 .*out of range")
def transpose_of_no_axis(model: Any) -> None:
    become(model, RESHAPE, "TRANSPOSE")
    tensor(model, SIZES).shape = [4]
    fill(model, SIZES, np.int32([0, 1, 2, 2**31 - 1]))


@crafted("operator 2 .*out of range")
def mean_over_no_axis(model: Any) -> None:
    become(model, RESHAPE, "MEAN", schema.ReducerOptionsT())
    fill(model, SIZES, np.int32([1, -5]))


@crafted("operator 2 .*are negative")
def pad_by_less_than_nothing(model: Any) -> None:
    become(model, RESHAPE, "PAD")
    tensor(model, SIZES).shape = [4, 2]
    fill(model, SIZES, np.int32([0, 0, 1, -1, 0, 0, 0, 0]))


@crafted("operator 2 .*gives float32 .*2147483647")
def pad_by_more_than_there_is(model: Any) -> None:
    become(model, RESHAPE, "PAD")
    tensor(model, SIZES).shape = [4, 2]
    fill(model, SIZES, np.int32([0, 0, 2**31 - 5, 0, 0, 0, 0, 0]))


@crafted("operator 2 .*its sizes .* must be positive")
def resize_to_nothing(model: Any) -> None:
    become(model, RESHAPE, "RESIZE_BILINEAR", schema.ResizeBilinearOptionsT())
    fill(model, SIZES, np.int32([0, 16]))


@crafted("operator 2 .*gives float32 .*2147483647")
def resize_to_everything(model: Any) -> None:
    become(model, RESHAPE, "RESIZE_BILINEAR", schema.ResizeBilinearOptionsT())
    fill(model, SIZES, np.int32([2**31 - 1, 2**31 - 1]))


@crafted("operator 2 .*3 parts, but 1 outputs")
def split_into_other_parts(model: Any) -> None:
    become(model, RESHAPE, "SPLIT", schema.SplitOptionsT(numSplits=3))
    operator(model, RESHAPE).inputs = [SIZES, ADDED]


@crafted("operator 2 .*its indices are not all below 4")
def gather_beyond_the_end(model: Any) -> None:
    become(model, RESHAPE, "GATHER", schema.GatherOptionsT(axis=1))
    fill(model, SIZES, np.int32([0, 4]))


@crafted("operator 2 .*its indices are not all below 4")
def gather_before_the_start(model: Any) -> None:
    become(model, RESHAPE, "GATHER", schema.GatherOptionsT(axis=1))
    fill(model, SIZES, np.int32([0, -1]))


@crafted("operator 2 .*its indices are float32")
def gather_by_fractions(model: Any) -> None:
    become(model, RESHAPE, "GATHER", schema.GatherOptionsT(axis=1))
    fill(model, SIZES, np.float32([0, 1]))
    tensor(model, SIZES).type = schema.TensorType.FLOAT32


@crafted("operator 2 .*its indices are bool")
def gather_by_truth_values(model: Any) -> None:
    become(model, RESHAPE, "GATHER", schema.GatherOptionsT(axis=1))
    fill(model, SIZES, np.array([False, True]))
    tensor(model, SIZES).type = schema.TensorType.BOOL


@crafted("operator 2 .*do not make blocks of 3x3")
def blocks_do_not_fit(model: Any) -> None:
    options = schema.DepthToSpaceOptionsT(blockSize=3)
    become(model, RESHAPE, "DEPTH_TO_SPACE", options)
    operator(model, RESHAPE).inputs = [ADDED]


@crafted("operator 2 .*must be positive")
def blocks_of_nothing(model: Any) -> None:
    become(model, RESHAPE, "DEPTH_TO_SPACE", schema.DepthToSpaceOptionsT(blockSize=0))
    operator(model, RESHAPE).inputs = [ADDED]


@crafted("operator 2 .*its input is not a sparse constant")
def densify_a_dense_one(model: Any) -> None:
    become(model, RESHAPE, "DENSIFY")
    operator(model, RESHAPE).inputs = [ADDED]
