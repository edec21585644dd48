"""What `benchmarks/results` makes of README and docs: `python -m benchmarks.sections` writes these sections, and measures nothing.

Each benchmark writes its own when it has measured; a test holds every section to the committed results.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import breach_page, drills, estimates, forecast_latency, numbers
from benchmarks.cluster import page as cluster
from benchmarks.drift import page as drift
from benchmarks.marked import within
from benchmarks.monitoring import page as monitoring
from benchmarks.serving.__main__ import CONTESTANTS
from benchmarks.serving.results import Results

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
Made = Callable[[], str]


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


SECTIONS: Mapping[str, Mapping[str, Made]] = {
    "README.md": {
        "numbers": numbers.table,
        "drills": lambda: drills.section(_result("drills")),
        "drift": lambda: drift.section(_result("drift"), whole=False),
        "serving": lambda: Results.read().section(list(CONTESTANTS.values())),
        "forecasts": lambda: forecast_latency.section(_result("forecast_latency")),
        "monitoring": lambda: monitoring.section(_result("monitoring")),
        "breach": lambda: breach_page.section(_result("breach")),
        "cluster": lambda: cluster.table(cluster.read()),
    },
    "docs/drift.md": {"drift": lambda: drift.section(_result("drift"), whole=True)},
    "docs/truth.md": {"estimates": lambda: estimates.table(_result("estimates"))},
}
"""Page -> marker -> what the results make of it."""
ELSEWHERE = {
    "dependencies": "tests/unit/test_documentation.py holds it to the requirements",
    "noise": "python -m benchmarks.drift.noise reads the panels themselves",
}
"""Markers whose section does not come from the results, and what keeps it."""


def pages() -> Iterator[tuple[Path, str]]:
    """Each page as it should be."""
    for name, sections in SECTIONS.items():
        text = (ROOT / name).read_text()
        for marker, made in sections.items():
            text = within(text, marker, made())
        yield ROOT / name, text


if __name__ == "__main__":
    for path, text in list(pages()):
        path.write_text(text)
