"""What was promised, beside what was measured."""

import json
import statistics
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from benchmarks.serving.beside import NEAREST, ratio
from benchmarks.serving.floor import FLOOR
from benchmarks.serving.ours import NAME

if TYPE_CHECKING:
    from benchmarks.serving.results import Results

BATCH_FORMATS = ("arrow", "parquet", "csv")
HAND_WRITTEN = ("fastapi", "fastapi-raw")
KEPT, MISSED = "kept", "**missed**"


Told = Iterator[tuple[str, str, bool]]


def goals(results: "Results") -> str:
    """Markdown: a line for each goal whose figures are there."""
    lines = ["| promise | measured | |", "|---|---|---|"]
    for promise, measured, held in _all(results):
        lines.append(f"| {promise} | {measured} | {KEPT if held else MISSED} |")
    return "\n".join(lines)


def missed(results: "Results") -> list[str]:
    """Each goal that is not kept, with what was measured instead."""
    return [f"{promise}: {measured}" for promise, measured, held in _all(results) if not held]


def _all(results: "Results") -> Told:
    yield from _costs(results)
    yield from _ahead(results)
    yield from _batches(results)
    yield from _drills()


def _costs(results: "Results") -> Told:
    if compared := _compared(results, "single_8_cpu_ms", HAND_WRITTEN):
        name, (times, low, high) = max(compared.items(), key=lambda item: item[1])
        ours, theirs = (statistics.median(_turns(results, each, "single_8_cpu_ms")) for each in (NAME, name))
        measured = f"{ours:.3f} ms, {name} {theirs:.3f} ms: {times:.2f} × ({low:.2f} to {high:.2f})"
        yield "CPU per prediction ≤ 1.0 × the cheaper FastAPI, which keeps nothing", measured, times <= 1
    yield from _tail_promise(results)
    for key, what, unit in (("start_s", "start to first answer", "s"), ("idle_pss", "idle memory", "MB")):
        ours, plain = results.median(NAME, key), results.median("bentoml", key)
        if ours is not None and plain is not None:
            beside = results.median("fastapi", key)
            measured = f"{ours:.3g} {unit}, {ours / plain:.2f} ×" + (f" (FastAPI {beside:.3g} {unit})" if beside else "")
            yield f"{what} ≤ 1.1 × plain BentoML", measured, ours <= 1.1 * plain


def _tail_promise(results: "Results") -> Told:
    ours, machine = _tail(results, NAME), _tail(results, FLOOR)
    if ours is None:
        return
    others = (name for name in results.figures if name not in (NAME, FLOOR))
    peers = {name: tail for name in others if (tail := _tail(results, name)) is not None}
    beside = "; the shortest of a peer: {} {:.2f} ×".format(*min(peers.items(), key=lambda item: item[1])) if peers else ""
    beside += f"; {FLOOR}: {machine:.2f} ×" if machine is not None else ""
    yield "at concurrency 1, p99 ≤ 2 × p50", f"{ours:.2f} ×{beside}", ours <= 2


def _ahead(results: "Results") -> Told:
    yield from _best(results, "single_64_p50", "p50 at concurrency 64", min, "ms")
    yield from _best(results, "single_64_p99", "p99 at concurrency 64", min, "ms")
    yield from _best(results, "single_64_rate", "predictions/s with 1 worker", max, "/s")
    yield from _best(results, "two_64_rate", "predictions/s with 2 workers", max, "/s", _scaling(results))
    yield from _best(results, "rows_1_p50", "1,000 rows a request, one at a time", min, "ms")
    yield from _best(results, "rows_8_rate", "1,000 rows a request, eight at a time", max, "requests/s")


def _scaling(results: "Results") -> str:
    """How many times as much two workers answer as one."""
    pairs = {name: [results.median(name, f"{workers}_64_rate") for workers in ("single", "two")] for name in results.figures}
    told = [f"{name} {two / one:.2f} ×" for name, (one, two) in pairs.items() if one and two]
    return "; two workers to one: " + ", ".join(told) if told else ""


def _best(results: "Results", key: str, what: str, better: Callable[..., float], unit: str, more: str = "") -> Told:
    ours = results.median(NAME, key)
    peers = {name: found for name in results.figures if name != NAME and (found := results.median(name, key)) is not None}
    if ours is None or not peers:
        return
    name, best = better(peers.items(), key=lambda item: item[1])
    measured, ahead = f"{ours:,.4g} {unit}; best peer {name} {best:,.4g}", better(ours, best) == ours
    if compared := _compared(results, f"beside_{key}", NEAREST):  # where turns were taken, they decide
        closest, (times, low, high) = (max if better is min else min)(compared.items(), key=lambda item: item[1])
        measured += f"; in turns {times:.2f} × {closest} ({low:.2f} to {high:.2f})"
        # Ahead is ahead in both quartiles, and of whoever took no turns in the rounds.
        apart = [found for peer, found in peers.items() if peer not in compared]
        ahead = (high < 1 if better is min else low > 1) and all(better(ours, found) == ours for found in apart)
    yield f"{what}: ahead of every peer", measured + more, ahead


def _tail(results: "Results", name: str) -> float | None:
    """p99 by p50 at concurrency 1."""
    p50, p99 = (_turns(results, name, f"single_1_{key}") for key in ("p50", "p99"))
    return statistics.median(p99) / statistics.median(p50) if p50 and p99 else None


def _turns(results: "Results", name: str, key: str) -> list[float]:
    """Side by side where that was measured, else round by round."""
    return results.values(name, f"beside_{key}") or results.values(name, key)


def _compared(results: "Results", key: str, peers: Collection[str]) -> dict[str, tuple[float, float, float]]:
    """Peer -> ours to theirs, where both took as many turns."""
    ours = _turns(results, NAME, key)
    told = {name: _turns(results, name, key) for name in peers}
    return {name: ratio(ours, theirs) for name, theirs in told.items() if ours and len(theirs) == len(ours)}


def _batches(results: "Results") -> Told:
    rates = {name: found for name in results.figures if name != NAME and (found := results.median(name, "rows_8_rate"))}
    for form in BATCH_FORMATS:
        seconds, peak = results.median(NAME, f"batch_{form}_s"), results.median(NAME, f"batch_{form}_peak_mb")
        if seconds is None or peak is None:
            continue
        beside, held = "", peak <= 300
        if rates:
            name, rate = max(rates.items(), key=lambda item: item[1])
            beside = f"; best peer {name} {1_000 / rate:.1f} s by requests of 1,000"
            held = held and seconds <= 1_000 / rate
        yield (
            f"1 M rows by `/batch`, {form}: ahead of every peer, ≤ 300 MB over idle",
            f"{seconds:.1f} s, {peak:.0f} MB{beside}",
            held,
        )


def _drills() -> Told:
    from benchmarks.serving.results import FOLDER

    for name in ("kills", "reloads", "outage"):
        file = FOLDER / f"{name}.json"
        if file.exists():
            told = json.loads(file.read_text())
            yield told["promise"], told["measured"], told["kept"]
