"""Move the pointer again and again under load: no request fails, and the other model answers within a second.

Run: `python -m benchmarks.reloads [--count 300]` (needs wrk). The clock starts right before the pointer is moved and stops at
the first answer by the other model, told by its bundle and its value. Every worker must have come around before the next move.
"""

import argparse
import http.client
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving import ours
from benchmarks.serving.drilled import DrilledService
from benchmarks.serving.load import need_wrk
from benchmarks.serving.results import FOLDER
from benchmarks.serving.trained import USECASE, Trained, train

PROMISED_SECONDS = 1.0
GIVE_UP_SECONDS = 30.0
PAUSE = (0.05, 0.4)  # seconds between two moves: at every moment of the service's own period
BETWEEN = 50.0  # the second model answers about 100 more than the first
STEADY = 12  # new connections in a row that meet the wanted bundle: every worker has had its turn


class Prober:
    """Asks for one row on a connection that stays open, and on new ones.

    Args:
        service: Who is asked.
        trained: With both bundles.
    """

    def __init__(self, service: DrilledService, trained: Trained) -> None:
        self._port = service.port
        self._body = json.dumps({"rows": trained.rows[:1].tolist()}).encode()
        key = dict(header.split(": ", 1) for header in ours.headers(service.folder))
        self._headers = {"Content-Type": "application/json", **key}
        self._second = trained.second.hash
        self._connection = self._connect()

    def bundle(self, *, anew: bool = False) -> str:
        """The bundle that answers.

        Raises:
            RuntimeError: It refuses, or the value is not that of the bundle it tells.
        """
        if anew:
            self._connection.close()
            self._connection = self._connect()
        self._connection.request("POST", "/predict", self._body, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {content[:300]!r}")
        told = json.loads(content)
        if (told["value"][0] > BETWEEN) != (told["bundle"] == self._second):
            raise RuntimeError(f"bundle {told['bundle'][:12]} answers {told['value'][0]}")
        return str(told["bundle"])

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)


def main(arguments: Sequence[str] | None = None) -> int:
    """Move, ask, tell; 1 where a request failed or a move took too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reloads", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="moves of the pointer")
    parser.add_argument("--connections", type=int, default=8, help="that ask at the same time")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--port", type=int, default=21330)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="ten moves; nothing is written")
    given = parser.parse_args(arguments)
    need_wrk()
    with tempfile.TemporaryDirectory(prefix="bench-reloads-") as folder:
        trained = train(Path(folder), twice=True)
        service = DrilledService(Path(folder), trained, given.port, given.workers)
        try:
            service.start()
            told = drill(service, 10 if given.quick else given.count, given.connections, random.Random(given.seed))
        finally:
            service.end()
    print(f"{told['promise']}: {told['measured']}")
    if not given.quick:
        (FOLDER / "reloads.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0 if told["kept"] else 1


def drill(service: DrilledService, count: int, connections: int, chance: random.Random) -> dict[str, object]:
    """All moves; what came of them."""
    prober = Prober(service, service.trained)
    seconds: list[float] = []
    with service.load(connections) as load:
        for number in range(count):
            time.sleep(chance.uniform(*PAUSE))
            seconds.append(move_once(service, prober, to_second=number % 2 == 0))
            if (number + 1) % 10 == 0:
                print(
                    f"{number + 1}/{count}: median {statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s", flush=True
                )
    asked = load.done
    rate = asked.requests / asked.seconds
    return {
        "promise": f"{count} reloads under load: none fails a request, the other model answers within {PROMISED_SECONDS:g} s",
        "measured": f"{asked.failed} of {asked.requests:,} requests failed; median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s",
        "kept": asked.failed == 0 and max(seconds) <= PROMISED_SECONDS and asked.requests > 0,
        "requests": asked.requests,
        "requests_per_second": round(rate),
        "failed": {"refused": asked.refused, "broken": asked.broken, "late": asked.late},
        "seconds": {"median": statistics.median(seconds), "max": max(seconds)},
        "connections": connections,
    }


def move_once(service: DrilledService, prober: Prober, *, to_second: bool) -> float:
    """Move the pointer; seconds until the first answer by the other model.

    Raises:
        RuntimeError: The other model never answers everywhere.
    """
    first, second = service.trained.bundle.hash, service.trained.second.hash
    wanted, before = (second, first) if to_second else (first, second)
    began = time.perf_counter()
    service.pointers.move(USECASE, wanted, before)
    while prober.bundle() != wanted:
        if time.perf_counter() - began > GIVE_UP_SECONDS:
            raise RuntimeError(f"{GIVE_UP_SECONDS:g} s after the move, the old model still answers")
    seconds = time.perf_counter() - began
    steady = 0
    while steady < STEADY:
        steady = steady + 1 if prober.bundle(anew=True) == wanted else 0
        if time.perf_counter() - began > GIVE_UP_SECONDS:
            raise RuntimeError(f"{GIVE_UP_SECONDS:g} s after the move, a worker still answers by the old model")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
