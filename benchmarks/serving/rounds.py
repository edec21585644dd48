"""One round of one contestant: start, memory, single rows at three concurrencies, many rows, two workers."""

import time
from collections.abc import Collection
from dataclasses import dataclass

from benchmarks.serving.contestants import Contestant, Rows
from benchmarks.serving.load import BUSY, Load
from benchmarks.serving.server import CORES, Server, serving
from benchmarks.serving.trained import Trained

MEASURES = ("single", "rows", "workers", "batch", "beside")
CONNECTIONS = (1, 8, 64)
MANY = 1_000
IDLE_SECONDS = 5.0  # until what warms up in the background has done so
SETTLE_SECONDS = 120.0
Figures = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """How long and how much.

    Attributes:
        seconds: Of each load.
        rounds: How often everybody's turn comes.
        batch_rows: Rows of the large batch.
        turns: How often everybody's turn comes side by side.
        measures: Which of `MEASURES`.
    """

    seconds: float = 4.0
    rounds: int = 3
    batch_rows: int = 1_000_000
    turns: int = 11
    measures: Collection[str] = MEASURES


def play(contestant: Contestant, trained: Trained, port: int, plan: Plan) -> tuple[Figures, set[str]]:
    """Everything of the plan but the batch: figures by name, and what limited the loads.

    Raises:
        RuntimeError: It does not answer, answers wrongly, or has not kept what it answered.
    """
    one, many = trained.rows[:1].tolist(), trained.rows[:MANY].tolist()
    figures: Figures = {}
    limits: set[str] = set()
    if {"single", "rows"} & set(plan.measures):
        with serving(contestant, trained, port, 1) as server:
            figures |= {"start_s": server.started, **_idle(server)}
            turn = Turn(server, plan.seconds, 1, figures, limits)
            turn.warm(one)
            if "single" in plan.measures:
                for connections in CONNECTIONS:
                    turn.load(f"single_{connections}", one, connections)
            if "rows" in plan.measures:
                turn.warm(many)
                turn.load("rows_1", many, 1)
                turn.load("rows_8", many, 8)
    if "workers" in plan.measures:
        with serving(contestant, trained, port, 2) as server:
            turn = Turn(server, plan.seconds, 2, figures, limits)
            turn.warm(one)
            turn.load("two_64", one, 64)
            turn.warm(many)
            turn.load("two_rows_8", many, 8)
    return figures, limits


class Turn:
    """Loads on a server that runs, each with its figures.

    Args:
        figures: Where the figures go: `NAME_rate`, `NAME_p50`, `NAME_p99` (ms), `NAME_cpu_ms` for each request.
        limits: Where it is told what limited a load.
    """

    def __init__(self, server: Server, seconds: float, workers: int, figures: Figures, limits: set[str]) -> None:
        self._server, self._seconds, self._workers = server, seconds, workers
        self.figures, self._limits = figures, limits
        self._asked = 0

    def warm(self, rows: Rows) -> None:
        """See that the answers are right, and let it import, compile and fill what it does at first."""
        self._server.prove(len(rows))
        self._asked += self._server.load(rows, 8, 1).requests * len(rows)
        self._settle()

    def load(self, name: str, rows: Rows, connections: int) -> None:
        """One load; its cost counts until every prediction of it is stored."""
        before = self._server.tree.cpu()
        load = self._server.load(rows, connections, self._seconds)
        during = self._server.tree.cpu() - before
        if not load.requests or load.failed:
            raise RuntimeError(f"{self._server.contestant.name}, {name}: {load.failed} failed of {load.requests}")
        self._asked += load.requests * len(rows)
        self._settle()
        cost = self._server.tree.cpu() - before
        told = {"rate": load.rate, "p50": load.p50, "p99": load.p99, "p999": load.p999, "cpu_ms": 1e3 * cost / load.requests}
        self.figures |= {f"{name}_{key}": value for key, value in told.items()}
        self._limits.add(f"{name}: {limit_of(load, during / load.seconds, self._workers)}")

    def _settle(self) -> None:
        """Wait until what was answered is stored, and see that all of it is."""
        contestant = self._server.contestant
        if contestant.kept is None:
            return
        until = time.monotonic() + SETTLE_SECONDS
        while (kept := contestant.kept(self._server.folder)) is None:
            if time.monotonic() > until:
                raise RuntimeError(f"{contestant.name}: predictions still wait to be stored after {SETTLE_SECONDS:g} s")
            time.sleep(0.05)
        if kept < self._asked:
            raise RuntimeError(f"{contestant.name} answered {self._asked} predictions and kept {kept}")


def limit_of(load: Load, server: float, workers: int) -> str:
    """What was used up: the client, the server's processes, the machine, or nothing (each waits for the other)."""
    if load.saturated:
        return "client"
    if server + load.client >= BUSY * CORES:
        return "machine"
    return "server" if server >= BUSY * min(workers, CORES) * 0.95 else "round trips"


def _idle(server: Server) -> Figures:
    time.sleep(IDLE_SECONDS)
    return {f"idle_{key}": value for key, value in server.tree.memory().items()}
