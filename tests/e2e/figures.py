"""Figures that tests leave for the README's table of the cluster: a file for each, in the folder that E2E_FIGURES names."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

FOLDER = os.environ.get("E2E_FIGURES", "")


def tell(measure: str, case: str, *, day: date | None = None, folder: str = FOLDER, **figures: float | str) -> None:
    """Leave the figures of one case of a measure; without a folder, nothing.

    Args:
        measure: A row of benchmarks/cluster/page.py.
        case: Of that measure, such as a kind of fault.
        day: When it was measured. Default: today.
        folder: Where to; `python -m benchmarks.cluster --take` reads it.
        figures: By name, as the row wants them.
    """
    if not folder:
        return
    told = {"measure": measure, "case": case, "day": str(day or datetime.now(UTC).date()), "figures": figures}
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / f"{measure}.{case}.json").write_text(json.dumps(told) + "\n")


class Checks:
    """The checks of the charts, counted as they end; a session with workers tells every report to every counter.

    Args:
        case: Which of them, such as `rendered`.
        beginning: Of the ids of the tests that count.
    """

    def __init__(self, case: str, beginning: str) -> None:
        self._case, self._beginning, self._held, self._broken = case, beginning, 0, 0
        self._files: set[str] = set()

    def count(self, report: pytest.TestReport) -> None:
        """One phase of one test; what is skipped, or no check of this case, counts for nothing."""
        if not report.nodeid.startswith(self._beginning):
            return
        self._held += report.when == "call" and report.passed
        self._broken += report.failed
        if not report.skipped:
            self._files.add(Path(report.nodeid.partition("::")[0]).stem.removeprefix("test_").removeprefix("chart_"))

    def tell(self) -> None:
        """How many held and of which files, where any was run."""
        if self._held or self._broken:
            tell("charts", self._case, passed=self._held, failed=self._broken, files=", ".join(sorted(self._files)))
