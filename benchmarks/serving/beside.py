"""Ours and the nearest rivals side by side: all of them run, and short loads go to each in turn.

A shared machine has slow and fast minutes that differ by more than the servers do; in turns of a second everybody has the
same ones, and each turn gives a ratio of its own.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.serving.contestants import Contestant
from benchmarks.serving.floor import FLOOR, floor
from benchmarks.serving.load import ask
from benchmarks.serving.rounds import MANY, Figures, Turn
from benchmarks.serving.server import Server, serving
from benchmarks.serving.trained import Trained

NEAREST = ("fastapi", "fastapi-raw", "litestar", "kserve")  # each of them was the best peer at something
LOADS = {  # workers -> name -> rows of a request, connections
    1: {"single_1": (1, 1), "single_8": (1, 8), "single_64": (1, 64), "rows_1": (MANY, 1), "rows_8": (MANY, 8)},
    2: {"two_64": (1, 64)},
}
SECONDS, PAUSE = 1.0, 0.1
AT_THE_FLOOR = "single_1"  # the load whose slowest answers are held against the machine's own
PORTS = 3  # a server may take neighbours of its port


def side_by_side(contestants: Sequence[Contestant], trained: Trained, port: int, turns: int) -> dict[str, list[Figures]]:
    """Each load, `turns` times at each contestant in turn.

    Returns:
        Contestant -> figures of each turn, `beside_LOAD_KEY`, in the order of the turns; the machine's own, where it can be told.

    Raises:
        RuntimeError: One does not answer, answers wrongly, or has not kept what it answered.
    """
    figures: dict[str, list[Figures]] = {contestant.name: [{} for _ in range(turns)] for contestant in contestants}
    for workers in LOADS:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(serving(contestant, trained, port + PORTS * place, workers))
                for place, contestant in enumerate(contestants)
            ]
            below = stack.enter_context(floor(port + PORTS * len(contestants)))
            _take_turns(servers, workers, figures, turns, below)
    return figures


def _take_turns(
    servers: Sequence[Server], workers: int, figures: dict[str, list[Figures]], turns: int, below: str | None
) -> None:
    asked = [Turn(server, SECONDS, workers, {}, set()) for server in servers]
    for name, (rows, connections) in LOADS[workers].items():
        body = servers[0].trained.rows[:rows].tolist()
        for each in asked:
            each.warm(body)
        for turn in range(turns):
            for server, each in zip(servers, asked, strict=True):
                each.figures = figures[server.contestant.name][turn]
                each.load(f"beside_{name}", body, connections)
                time.sleep(PAUSE)
            if below is not None and name == AT_THE_FLOOR:
                figures.setdefault(FLOOR, []).append(_of_the_floor(below, f"beside_{name}"))


def _of_the_floor(url: str, name: str) -> Figures:
    load = ask(url, b"{}", 1, SECONDS)
    return {f"{name}_p50": load.p50, f"{name}_p99": load.p99}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Ours to theirs by turns: median, and the quartiles of the turns' ratios."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return median, low, high
