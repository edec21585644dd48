"""The table of servers: one row each, ours first, ratios to ours in brackets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.serving.contestants import Contestant
from benchmarks.serving.ours import NAME

if TYPE_CHECKING:
    from benchmarks.serving.results import Results

HEAD = [
    "server",
    "CPU per prediction, ms",
    "p50, p99 at 1, ms",
    "at 8",
    "at 64",
    "predictions/s, 1 worker",
    "2 workers",
    "1,000 rows, ms",
    "rows/s",
    "start, s",
    "idle, MB",
]


def table(results: "Results", contestants: Sequence[Contestant]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for contestant in contestants:
        cells = [contestant.title, _ratio(results, contestant.name, "single_8_cpu_ms", "{:.3f}")]
        cells += [_latencies(results, contestant.name, connections) for connections in (1, 8, 64)]
        cells += [_ratio(results, contestant.name, key, "{:,.0f}") for key in ("single_64_rate", "two_64_rate")]
        cells.append(_plain(results, contestant.name, "rows_1_p50", "{:.1f}"))
        rate = results.median(contestant.name, "rows_8_rate")
        cells.append("–" if rate is None else f"{1_000 * rate:,.0f}")
        cells += [_ratio(results, contestant.name, "start_s", "{:.2f}"), _ratio(results, contestant.name, "idle_pss", "{:.0f}")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _plain(results: "Results", name: str, key: str, form: str) -> str:
    found = results.median(name, key)
    return "–" if found is None else form.format(found)


def _ratio(results: "Results", name: str, key: str, form: str) -> str:
    found, ours = results.median(name, key), results.median(NAME, key)
    if found is None:
        return "–"
    return form.format(found) if name == NAME or not ours else f"{form.format(found)} ({found / ours:.2f}×)"


def _latencies(results: "Results", name: str, connections: int) -> str:
    found = [_plain(results, name, f"single_{connections}_{key}", "{:.2f}") for key in ("p50", "p99")]
    return ", ".join(found)
