"""The README's table of the seconds from a breach to the finished rollback, and the goals that they are held to."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.goals import Goal
from benchmarks.marked import within

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MARKER = "breach"
REACHED = "rollback done"
WARM, PLAIN = "warm", "plain"
WORKERS = {WARM: "the long-lived runner", PLAIN: "a plain worker"}
GOALS = {(WARM, 1.0): 10.0, (PLAIN, 1.0): 20.0, (WARM, 30.0): 75.0}
"""Worker, seconds between two scrapes -> seconds until the rollback is done."""


def name_of(worker: str, scrape: float) -> str:
    """Of a row, in the results."""
    return f"{worker}/{scrape:g}"


def median(rounds: Sequence[Mapping[str, float]]) -> float:
    """Seconds until the rollback was done."""
    return statistics.median(each[REACHED] for each in rounds)


def goal(worker: str, scrape: float, rounds: Sequence[Mapping[str, float]]) -> Goal | None:
    """The median beside the goal of that worker and scrape interval (seconds); None where nothing is stated."""
    bound = GOALS.get((worker, scrape))
    return None if bound is None else Goal("rollback done after, seconds (median)", round(median(rounds), 1), bound)


def section(results: Mapping[str, Any]) -> str:
    """Markdown: a line for each goal, also where nothing was measured yet."""
    head = ["| run by | a scrape every | goal | rollback done after (median) | from – to | rounds | measured |", "|" + "---|" * 7]
    return "\n".join([*head, *(_row(worker, scrape, results.get(name_of(worker, scrape))) for worker, scrape in GOALS)])


def _row(worker: str, scrape: float, told: Mapping[str, Any] | None) -> str:
    bound = GOALS[worker, scrape]
    cells = [WORKERS[worker], f"{scrape:g} s", f"{bound:g} s"]
    if told is None:
        return f"| {' | '.join([*cells, 'not measured yet', '–', '0', '–'])} |"
    rounds, seconds = told["rounds"], [each[REACHED] for each in told["rounds"]]
    held = goal(worker, scrape, rounds)
    assert held is not None
    cells += [f"{median(rounds):.1f} s, {'met' if held.met else '**missed**'}", f"{min(seconds):.1f} – {max(seconds):.1f} s"]
    cells += [str(len(rounds)), f"{told['day']}, `{told['commit']}`"]
    return f"| {' | '.join(cells)} |"


def into_readme(results: Mapping[str, Any]) -> None:
    """Replace what lies between the markers."""
    README.write_text(within(README.read_text(), MARKER, section(results)))
