"""Writes the reports on comparisons: pages, JUnit, node data, reproductions, saved outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tflite2torch.comparison import reproduce
from tflite2torch.converter.errors import SourceError
from tflite2torch.outputs import check_new, check_targets, write_file, write_files
from tflite2torch.parity.layers.answers import as_files
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reports.html import as_page
from tflite2torch.parity.reports.junit import as_junit

if TYPE_CHECKING:
    from tflite2torch.comparison import Pair


@dataclass(frozen=True)
class Reports:
    """The reports that are asked for.

    Attributes:
        html: where the page goes.
        junit: where the JUnit XML goes.
        explorer: where the node data for Model Explorer goes.
        repro: the folder that reproductions go to, one in a folder for each model.
        outputs: the folder that inputs and the outputs of both sides go to, likewise.
        force: whether files that exist are replaced.
    """

    html: Path | None = None
    junit: Path | None = None
    explorer: Path | None = None
    repro: Path | None = None
    outputs: Path | None = None
    force: bool = False

    def needs(self, options: Options) -> Options:
        """Return options of a comparison with what these reports show of it."""
        return replace(options, pictures=self.html is not None, answers=self.outputs is not None)

    def check(self, read: Sequence[object]) -> None:
        """Raise OutputError where a report cannot be written.

        Args:
            read: what the call reads; what is no path counts for nothing.
        """
        check_targets(
            {"--html": self.html, "--junit": self.junit, "--model-explorer": self.explorer},
            self._folders,
            [path for path in read if isinstance(path, Path)],
            self.force,
        )

    def check_models(self, names: Sequence[str]) -> None:
        """Raise where the reports of these models cannot be written: SourceError, OutputError."""
        if self.explorer is not None and len(names) != 1:
            raise SourceError("--model-explorer takes one model; name one .tflite file")
        for option, folder in self._folders.items():
            if folder is not None and not self.force:
                for name in names:
                    check_new(option, folder / name)

    def write(
        self, outcomes: Mapping[str, Outcome], pairs: Sequence[Pair], options: Options
    ) -> Iterator[Path]:
        """Write them all, and yield the path of each as soon as it is there.

        Args:
            outcomes: of all models, by name.
            pairs: what was compared.
            options: how.

        Raises:
            OutputError: a file cannot be written.
        """
        if self.html is not None:
            write_file("--html", self.html, as_page(outcomes))
            yield self.html
        if self.junit is not None:
            write_file("--junit", self.junit, as_junit(outcomes))
            yield self.junit
        for conversion, other in pairs:
            report = outcomes[conversion.name]
            if not isinstance(report, ParityReport):
                continue
            if self.explorer is not None:
                from tflite2torch.parity.reports.model_explorer import as_node_data

                data = as_node_data(report, conversion.file.data)
                write_file("--model-explorer", self.explorer, data)
                yield self.explorer
            if self.outputs is not None and report.answers is not None:
                folder = self.outputs / conversion.name
                write_files("--save-outputs", folder, as_files(report.answers))
                yield folder
            if self.repro is not None and (files := reproduce(conversion, options, report, other)):
                folder = self.repro / conversion.name
                write_files("--save-repro", folder, files)
                yield folder

    @property
    def _folders(self) -> dict[str, Path | None]:
        return {"--save-repro": self.repro, "--save-outputs": self.outputs}
