"""The exceptions that the package raises on bad input."""

from collections.abc import Sequence


class Tflite2TorchError(Exception):
    """Base class of all errors; the message says what is wrong, where, and what to do.

    ``exit_code`` is the exit status of the command line: 1 if the work was done and
    something failed, 2 for wrong input or arguments, 3 if the reference could not run.
    """

    exit_code = 2


class SourceError(Tflite2TorchError):
    """A source that cannot be read or that contains no model."""


class InvalidModelError(Tflite2TorchError):
    """A model file or bundle that is malformed, truncated or inconsistent."""


class OutputError(Tflite2TorchError):
    """An output file that already exists or cannot be written."""


class MissingDependencyError(Tflite2TorchError):
    """An optional dependency that a command needs is not installed."""


class UnsupportedOpError(Tflite2TorchError):
    """A valid model that uses features which cannot be converted.

    Attributes:
        problems: one message for each unsupported feature, naming its model and place.
    """

    exit_code = 1

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__(
            "; ".join(self.problems)
            + "; convert models without these, or ask for them to be supported"
        )


class ReferenceFailedError(Tflite2TorchError):
    """The reference interpreter crashed, timed out, or is not installed."""

    exit_code = 3


class ReferenceMissingError(ReferenceFailedError):
    """The reference that a model needs is not installed."""


class NotComparableError(Tflite2TorchError):
    """A model that cannot be compared: without a batch, or of another architecture."""

    exit_code = 1
