"""The measures as a file and as the table of the README, each beside its goal."""

import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.cluster.tested import bad_releases, charts, faults
from benchmarks.cluster.told import Row, Told

CHECKOUT = Path(__file__).parents[2]
FILE = CHECKOUT / "benchmarks" / "results" / "cluster.json"
README = CHECKOUT / "README.md"
BEGIN, END = "<!-- cluster -->", "<!-- /cluster -->"
MET, MISSED = "met", "**missed**"


def read() -> Told:
    """The figures of the last time, if there are any."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def write(figures: Told) -> None:
    """The file, and the README's table where it has a place for it."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(_short(figures | {"cores": os.cpu_count()}), indent=1) + "\n")
    text = README.read_text()
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if found and closed:
        README.write_text(f"{before}{BEGIN}\n{table(read())}\n{END}{after}")


def table(figures: Told) -> str:
    """Markdown: a line for each measure that was taken."""
    lines = ["| measure | measured | goal | |", "|---|---|---|---|"]
    for name, row in ROWS.items():
        if name in figures:
            for what, measured, goal, met in row(figures[name]):
                lines.append(f"| {what} | {measured} | {goal} | {MET if met else MISSED} |")
    return "\n".join(lines)


def _rollouts(told: Told) -> list[Row]:
    what = f"{told['count']} rollouts, canaries, rollbacks, pointer moves in a row under load through the ingress"
    measured = f"{told['failed']} of {told['answered'] + told['failed']:,} requests failed, {told['lost']} predictions lost"
    return [(what, measured, "0 failed, 0 lost", not told["failed"] and not told["lost"] and told["answered"] > 0)]


def _pointer(told: Told) -> list[Row]:
    return [_decision(told, f"pointer moved → the last of {told['replicas']} ready replicas answers with it", 1.0)]


def _helm(told: Told) -> list[Row]:
    return [_decision(told, "rollback by Helm → the last answer of a pod of the newer image", 10.0)]


def _weight(told: Told) -> list[Row]:
    return [_decision(told, "canary's weight to 0 → its last answer", 3.0)]


def _decision(told: Told, what: str, goal: float) -> Row:
    worst, failed = max(told["seconds"]), told.get("failed", 0)
    measured = f"{statistics.median(told['seconds']):.2f} s median, {worst:.2f} s at most of {len(told['seconds'])}"
    return what, measured + (f"; {failed} requests failed" if failed else ""), f"≤ {goal:g} s", worst <= goal and not failed


def _latency(told: Told) -> list[Row]:
    p50, p99 = told["added_p50_ms"], told["added_p99_ms"]
    measured = f"{p50:.2f} ms p50, {p99:.2f} ms p99 (medians of {len(told['rounds'])} pairs)"
    return [("what the ingress adds, one request at a time", measured, "≤ 1 ms p50, ≤ 3 ms p99", p50 <= 1 and p99 <= 3)]


def _scale(told: Told) -> list[Row]:
    measured = f"out in {told['out_s']:.0f} s, back in {told['back_s']:.0f} s; {told['failed']} of {told['answered']:,} failed"
    return [("scale out under load, 2 → 4 replicas, and back", measured, "0 failed", not told["failed"] and not told["lost"])]


def _cold(told: Told) -> list[Row]:
    seconds, image = told["seconds"], told["image_s"]
    what = "empty namespace → forecast answered through the ingress"
    measured = f"{seconds:.0f} s (database {told['database_s']:.0f} s, service {told['deployed_s']:.0f} s)"
    return [
        (f"{what}, images there", measured, "≤ 60 s", seconds <= 60),
        (
            f"{what}, its image built from nothing",
            f"{seconds + image:.0f} s (image {image:.0f} s)",
            "≤ 300 s",
            seconds + image <= 300,
        ),
    ]


ROWS: dict[str, Callable[[Told], list[Row]]] = {
    "rollouts": _rollouts,
    "pointer": _pointer,
    "helm": _helm,
    "weight": _weight,
    "latency": _latency,
    "scale": _scale,
    "cold": _cold,
    "bad-releases": bad_releases,
    "faults": faults,
    "charts": charts,
}


def _short(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value
