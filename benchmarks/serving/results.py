"""The figures of all rounds: kept as JSON, told as medians, written into the README and a plot."""

import json
import os
import platform
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Self

from benchmarks.serving.contestants import Contestant
from benchmarks.serving.environments import CHECKOUT

FOLDER = CHECKOUT / "benchmarks" / "results"
FILE = FOLDER / "serving.json"
PLOT = FOLDER / "serving.svg"
README = CHECKOUT / "README.md"
BEGIN, END = "<!-- serving -->", "<!-- /serving -->"
PREFIXES = {
    "single": ("single_", "start_", "idle_"),
    "rows": ("rows_", "start_", "idle_"),
    "workers": ("two_",),
    "batch": ("batch_",),
    "beside": ("beside_",),
}


class Results:
    """Figures by contestant and name, one value for each round.

    Args:
        figures: Contestant -> name -> values.
        limits: Contestant -> what limited each load.
    """

    def __init__(
        self, figures: dict[str, dict[str, list[float]]] | None = None, limits: dict[str, list[str]] | None = None
    ) -> None:
        self.figures = figures or {}
        self.limits = limits or {}

    @classmethod
    def read(cls) -> Self:
        """Those of the last time, if there are any."""
        if not FILE.exists():
            return cls()
        told = json.loads(FILE.read_text())
        known = {name: one for name, one in told.items() if name != "machine"}
        return cls({name: one["rounds"] for name, one in known.items()}, {name: one["limits"] for name, one in known.items()})

    def forget(self, names: Collection[str], measures: Collection[str]) -> None:
        """Drop what is measured anew."""
        gone = tuple(prefix for measure in measures for prefix in PREFIXES[measure])
        for name in names:
            kept = self.figures.get(name, {})
            self.figures[name] = {key: values for key, values in kept.items() if not key.startswith(gone)}
        self.figures = {name: figures for name, figures in self.figures.items() if figures}

    def add(self, name: str, figures: Mapping[str, float], limits: Collection[str]) -> None:
        """One round."""
        kept = self.figures.setdefault(name, {})
        for key, value in figures.items():
            kept.setdefault(key, []).append(value)
        self.limits[name] = sorted({*self.limits.get(name, []), *limits})

    def values(self, name: str, key: str) -> list[float]:
        """One for each round or turn; none where it was not measured."""
        return self.figures.get(name, {}).get(key, [])

    def median(self, name: str, key: str) -> float | None:
        """The median over the rounds; None where it was not measured."""
        values = self.values(name, key)
        return statistics.median(values) if values else None

    def table(self, contestants: Sequence[Contestant]) -> str:
        """Markdown, with ratios to ours."""
        from benchmarks.serving.table import table

        return table(self, contestants)

    def section(self, contestants: Sequence[Contestant]) -> str:
        """The README's: the table of those that were measured, and the goals."""
        from benchmarks.serving.goals import goals

        return f"{self.table([one for one in contestants if one.name in self.figures])}\n\n{goals(self)}"

    def write(self, contestants: Sequence[Contestant]) -> None:
        """JSON, plot, and the README's section."""
        from benchmarks.serving.plot import plot

        FOLDER.mkdir(exist_ok=True)
        told: dict[str, object] = {"machine": {"cores": os.cpu_count(), "python": platform.python_version()}}
        for name, figures in self.figures.items():
            medians = {key: _short(statistics.median(values)) for key, values in figures.items()}
            rounds = {key: [_short(value) for value in values] for key, values in figures.items()}
            told[name] = {"medians": medians, "limits": self.limits.get(name, []), "rounds": rounds}
        FILE.write_text(json.dumps(told, indent=1) + "\n")
        present = [contestant for contestant in contestants if contestant.name in self.figures]
        plot(self, present, PLOT)
        into_readme(self.read().section(present))


def into_readme(section: str) -> None:
    """Replace what lies between the markers.

    Raises:
        RuntimeError: The README has no such markers.
    """
    text = README.read_text()
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise RuntimeError(f"README.md has no {BEGIN} … {END}")
    README.write_text(f"{before}{BEGIN}\n{section}\n{END}{after}")


def _short(value: float) -> float:
    return float(f"{value:.5g}")
