"""What a comparison found. Needs neither torch nor the interpreter."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.parity.distances import share


@dataclass(frozen=True)
class OutputReport:
    """How one output compares. ``worst`` names the input whose error is largest for what
    is allowed there; error, floor and limit are the ones on that input.

    Attributes:
        name: what the module calls the output.
        worst: the input, and its place in a batch.
        error: largest absolute difference from the reference kernels; infinite where one
            side alone is NaN or infinite, or the shapes differ.
        floor: TFLite's noise floor.
        limit: the largest error that passes.
        error_xnnpack: largest absolute difference from XNNPACK, over all inputs.
        from_exact: largest distance of the module from the exact answer, which is the
            module in float64, over all inputs; None where it does not run in float64.
        reference_from_exact: the same of the reference kernels.
        failures: why the output fails, a line each, the worst first; none where it passes.
    """

    name: str
    worst: str
    error: float
    floor: float
    limit: float
    error_xnnpack: float
    from_exact: float | None
    reference_from_exact: float | None
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the output."""
        return not self.failures

    @property
    def ratio(self) -> float:
        """Error in noise floors; 0 without an error, infinite with one above no floor."""
        return share(self.error, self.floor)


@dataclass(frozen=True)
class ModelReport:
    """How a module compares with the TFLite model that it stands for.

    Attributes:
        outputs: one report for each output, in the file's order.
        inputs: names of the inputs that both sides ran on.
        batches: sizes of the batches that the module ran.
        xnnpack: whether XNNPACK ran a part of the model; it takes no operator of some.
        failures: what went wrong with the module as a whole, a line each.
    """

    outputs: tuple[OutputReport, ...]
    inputs: tuple[str, ...]
    batches: tuple[int, ...]
    xnnpack: bool
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the module ran, was compared, and every output passed."""
        compared = bool(self.outputs and self.inputs)
        return compared and not self.failures and all(o.passed for o in self.outputs)

    @property
    def verdict(self) -> str:
        """One line: passed, or why not."""
        if self.passed:
            return f"passed: {len(self.outputs)} outputs"
        reasons = [f"{o.name}: {o.failures[0]}" for o in self.outputs if o.failures]
        reasons[:0] = self.failures
        return "failed: " + "; ".join(reasons or ["nothing was compared"])
