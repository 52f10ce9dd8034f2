"""Writes networks of common layers, one operator a call."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, ModelBuilder, Operand, Ref
from tests.support.operators import weights


class Network(ModelBuilder):
    """A model under construction; every method adds an operator and returns its result."""

    def conv(self, x: Ref, channels: int, filters: int, kernel: int = 3) -> Ref:
        """Convolve with SAME padding, at stride 1."""
        kernels = weights(filters, kernel, kernel, channels)
        operands: list[Operand] = [x, kernels, weights(filters)]
        options = schema.Conv2DOptionsT(strideH=1, strideW=1)
        return self.operator("CONV_2D", operands, options=options)[0]

    def add(self, a: Operand, b: Operand, activation: int = 0) -> Ref:
        """Add two tensors."""
        options = schema.AddOptionsT(fusedActivationFunction=activation)
        return self.operator("ADD", [a, b], options=options)[0]

    def sub(self, a: Operand, b: Operand) -> Ref:
        """Subtract one tensor from another."""
        return self.operator("SUB", [a, b], options=schema.SubOptionsT())[0]

    def mul(self, a: Operand, b: Operand) -> Ref:
        """Multiply two tensors element by element."""
        return self.operator("MUL", [a, b], options=schema.MulOptionsT())[0]

    def mean(self, x: Ref, axis: int) -> Ref:
        """Average over one axis, which stays."""
        options = schema.ReducerOptionsT(keepDims=True)
        return self.operator("MEAN", [x, np.array([axis], np.int32)], options=options)[0]

    def function(self, name: str, *operands: Operand) -> Ref:
        """Apply an operator that has no options."""
        return self.operator(name, operands)[0]

    def reshape(self, x: Ref, *shape: int) -> Ref:
        """Give the elements another shape."""
        return self.operator("RESHAPE", [x, np.array(shape, np.int32)])[0]

    def transpose(self, x: Ref, *axes: int) -> Ref:
        """Give the axes another order."""
        return self.operator("TRANSPOSE", [x, np.array(axes, np.int32)])[0]

    def layer_norm(self, x: Ref, scale: Array, shift: Array) -> Ref:
        """Normalize the last of three axes, spelled out as Keras' layer is lowered."""
        mean = self.mean(x, 2)
        variance = self.mean(self.function("SQUARED_DIFFERENCE", x, mean), 2)
        root = self.function("RSQRT", self.add(variance, np.array(1e-3, np.float32)))
        factor = self.mul(root, scale)
        moved = self.sub(shift, self.mul(mean, factor))
        return self.add(self.mul(x, factor), moved)

    def residual(self, x: Ref, channels: int, activation: str = "RELU") -> Ref:
        """Convolve, add the shortcut, and apply an activation."""
        return self.function(activation, self.add(x, self.conv(x, channels, channels)))
