"""An operator of a file with its operands, as the rules that check it see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tflite2torch.converter.frontends.tflite.buffers import MAX_RANK
from tflite2torch.converter.frontends.tflite.effort import Effort
from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.graph.value import Shape

if TYPE_CHECKING:
    from tflite2torch.converter.frontends.tflite.model import Operator, Tensor


@dataclass(frozen=True)
class Call:
    """An operator with its operands; None where an optional one is left out.

    All its methods raise FormatError where an operand is not what the operator needs.
    """

    operator: Operator
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    effort: Effort

    @property
    def options(self) -> Any:
        """Its options, of the class that its contract asks for."""
        return self.operator.options

    def tensor(self, position: int) -> Tensor:
        """Return an operand that has to be there."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise FormatError(f"it lacks its input {position}")
        return tensor

    def shape(self, position: int, rank: int | None = None) -> Shape:
        """Return an operand's shape, which has as many axes as asked for."""
        shape = self.tensor(position).shape
        if rank not in (None, len(shape)):
            raise FormatError(
                f"its input {position} of {list(shape)} must have {rank} axes"
            )
        return shape

    def integers(self, position: int, count: int | None = None) -> Shape | None:
        """Return a constant operand that lists axes or sizes; None if computed."""
        tensor = self.tensor(position)
        if tensor.dtype not in ("int32", "int64"):
            raise FormatError(f"its input {position} is {tensor.dtype}, not integers")
        if tensor.data is None:
            return None
        size = tensor.data.size
        if size > (count or MAX_RANK) or count not in (None, size):
            raise FormatError(f"its input {position} cannot have {size} elements")
        return tuple(tensor.data.reshape(-1).tolist())

    def listed(self, field: str) -> tuple[int, ...]:
        """Return a list of sizes or axes among the options."""
        count = getattr(self.options, f"{field}Length")()
        if count > MAX_RANK:
            raise FormatError(f"its {field} has {count} elements")
        return tuple(getattr(self.options, field)(i) for i in range(count))

    def all_below(self, position: int, bound: int) -> None:
        """Check that a constant operand's elements are indices below a bound."""
        indices = self.tensor(position).data
        if indices is None or not indices.size:
            return
        self.effort.spend(indices.size)
        if not 0 <= indices.min() <= indices.max() < bound:
            raise FormatError(f"its indices are not all below {bound}")

    def axis(self, axis: int, rank: int) -> int:
        """Return an axis, or an index, counted from the front."""
        if not -rank <= axis < rank:
            raise FormatError(f"{axis} is out of range: there are {rank}")
        return axis % rank

    def positive(self, *sizes: int) -> None:
        """Check that there is no size below one."""
        if min(sizes) < 1:
            raise FormatError(f"its sizes {sizes} must be positive")
