"""Measure a real cluster: `TEST_SHARED=folder make bench-cluster`, where the folder has a cluster that is up.

Run: `python -m benchmarks.cluster [--only rollouts --only helm] [--rounds 10] [--quick]`. What is not measured keeps the
figures of the last time. Bad releases, faults and charts are measured by the end-to-end tests: `E2E_FIGURES=FOLDER
make e2e`, then `python -m benchmarks.cluster --take FOLDER`. Ends with 1 where a goal is missed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.cluster import page
from benchmarks.cluster.cold import cold
from benchmarks.cluster.decisions import helm, pointer, weight
from benchmarks.cluster.ground import Ground, ground
from benchmarks.cluster.latency import latency
from benchmarks.cluster.rollouts import rollouts
from benchmarks.cluster.scale import scale
from benchmarks.cluster.taken import taken
from benchmarks.cluster.told import Told

ROUNDS, QUICK = 50, 4
MEASURES: dict[str, Callable[[Ground, int], Told]] = {
    "latency": lambda ground, rounds: latency(ground, min(rounds, 10)),
    "pointer": lambda ground, rounds: pointer(ground, min(rounds, 20)),
    "weight": lambda ground, rounds: weight(ground, min(rounds, 10)),
    "helm": lambda ground, rounds: helm(ground, min(max(rounds // 10, 1), 5)),
    "scale": lambda ground, rounds: scale(ground),
    "rollouts": rollouts,
    "cold": lambda ground, rounds: cold(ground),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, tell; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(MEASURES), help="may be given several times")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rollouts in a row; the others take as many or fewer")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rounds; nothing is written")
    parser.add_argument("--namespace", default="evenkeel-bench", help="made anew, deleted afterwards")
    parser.add_argument("--take", type=Path, metavar="FOLDER", help="what end-to-end tests told there; nothing is measured")
    given = parser.parse_args(arguments)
    figures = {} if given.quick else page.read()
    if given.take:
        figures = taken(given.take, figures)
        page.write(figures)
    else:
        _measure(given, figures)
    told = page.table(figures)
    print(told)
    return 1 if page.MISSED in told else 0


def _measure(given: argparse.Namespace, figures: Told) -> None:
    """Fill in what is wanted; written after each measure, so that one that breaks takes none with it."""
    rounds = QUICK if given.quick else given.rounds
    with ground(given.namespace) as there:
        for name in given.only or MEASURES:
            print(f"{name} …", flush=True)
            figures[name] = MEASURES[name](there, rounds) | {"load_average": os.getloadavg()[0]}
            print(page.table({name: figures[name]}), flush=True)
            if not given.quick:
                page.write(figures)


if __name__ == "__main__":
    sys.exit(main())
