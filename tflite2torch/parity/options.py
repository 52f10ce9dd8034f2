"""How a comparison is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tflite2torch.parity.inputs.loader import Loader
from tflite2torch.parity.inputs.samples import PATTERNS
from tflite2torch.parity.reference.process import Limits

FORMS = ("compiled", "exported", "onnx")
"""What a module may be made into: see ``parity.align.elsewhere``."""


@dataclass(frozen=True)
class Options:
    """How a comparison is made.

    Attributes:
        batches: sizes of the batches that run. Each sample of a batch is compared with its own
            run of TFLite; after batches of one, also with its own run of the module.
        seed: of random inputs, and of the nudges that noise floors are measured with.
        tolerances: largest errors that pass, by the name of a layer or of a TFLite tensor,
            in place of what follows from the noise floor. ``NAME:STATISTIC`` is the limit of a
            statistic of the error instead: see ``parity.layers.statistics``.
        outputs_only: whether the module's outputs are compared and nothing inside it. It is
            then neither traced nor run operation by operation.
        gradients: whether gradients are compared with finite differences.
        pictures: whether histograms and heat maps are made, for a report in HTML.
        answers: whether the report has the inputs, and the outputs of both sides.
        reference: what runs the model, a key of ``parity.reference.backends.BACKENDS``; by
            default LiteRT, and MediaPipe's runtime for models with its own operators.
        dtype: the floating type that the module computes in: ``float32``, ``float16`` or
            ``bfloat16``. Noise floors and limits are then in ulps of that type.
        form: what the module is made into before it is called, one of ``FORMS``; empty for a
            plain module. Its outputs alone are compared then.
        device: what it runs on, such as ``cuda``; on another one than the CPU likewise.
        patterns: which inputs are generated, of ``parity.inputs.samples.PATTERNS``.
        time_limit: seconds of processor time that a reference may take for an answer.
        images: a folder of images to run in place of these. A model that takes none runs the
            generated inputs, and its report has a note.
        inputs: an ``.npz`` file of inputs to run in place of these, or a function that yields
            them: see ``parity.inputs.loader``.
        iterations: how many samples there are of each random pattern, by default one, or how
            many a function of ``inputs`` is asked for, by default ``parity.inputs.loader.MOST``.
    """

    batches: tuple[int, ...] = (1, 2)
    seed: int = 0
    tolerances: Mapping[str, float] = field(default_factory=dict)
    outputs_only: bool = False
    gradients: bool = True
    pictures: bool = False
    answers: bool = False
    reference: str | None = None
    dtype: str = "float32"
    form: str = ""
    device: str = "cpu"
    patterns: tuple[str, ...] = PATTERNS
    time_limit: float = Limits.seconds
    images: Path | None = None
    inputs: Path | Loader | None = None
    iterations: int | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether the module is called in another form, or on another device than the CPU."""
        return bool(self.form) or self.device != "cpu"
