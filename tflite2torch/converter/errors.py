"""What the package raises on bad input: one family, one clear line each."""

from collections.abc import Sequence


class Tflite2TorchError(Exception):
    """Base of everything raised on bad input. The message says what, where and what to do.

    ``exit_code`` is what the command line returns for it: 1 the work was done and something
    failed, 2 the input or the call is wrong, 3 the reference could not run.
    """

    exit_code = 2


class SourceError(Tflite2TorchError):
    """A SOURCE that cannot be read, or that holds no model."""


class InvalidModelError(Tflite2TorchError):
    """A model file or a bundle that is broken, truncated, or contradicts itself."""


class OutputError(Tflite2TorchError):
    """An output that exists already or cannot be written."""


class MissingDependencyError(Tflite2TorchError):
    """An optional dependency that this command needs and that is not installed."""


class UnsupportedOpError(Tflite2TorchError):
    """A valid model that uses something that cannot be converted.

    Attributes:
        problems: a line for every one of them, not only the first, each naming its model.
    """

    exit_code = 1

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__(
            "; ".join(self.problems)
            + "; convert models without these, or ask for them to be supported"
        )


class ReferenceFailedError(Tflite2TorchError):
    """A TFLite reference that crashed, hung, or is not there to compare with."""

    exit_code = 3
