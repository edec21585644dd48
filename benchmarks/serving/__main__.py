"""`make bench-serving`: everybody's turn, round by round; table into the README, figures and plot into benchmarks/results.

Run: `python -m benchmarks.serving [--only NAME …] [--measure NAME …] [--quick]`. Needs wrk and curl. Environments of the
peers are made when they are missing. What is not measured this time keeps its figures of the last time.
"""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.batch import batches
from benchmarks.serving.beside import NEAREST, side_by_side
from benchmarks.serving.contestants import Contestant
from benchmarks.serving.floor import FLOOR
from benchmarks.serving.goals import missed
from benchmarks.serving.load import need_wrk
from benchmarks.serving.ours import OURS
from benchmarks.serving.results import Results
from benchmarks.serving.rivals import RIVALS
from benchmarks.serving.rounds import MEASURES, Plan, play
from benchmarks.serving.trained import Trained, train

CONTESTANTS = {contestant.name: contestant for contestant in [OURS, *RIVALS]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep; 1 where somebody could not be measured, or a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(CONTESTANTS), default=list(CONTESTANTS), help="who takes part")
    parser.add_argument("--measure", nargs="+", choices=MEASURES, default=MEASURES, help="what is measured")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="how often everybody's turn comes; medians are told")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of each load")
    parser.add_argument("--port", type=int, default=21300, help="first of twenty free ports")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything runs; nothing is kept")
    given = parser.parse_args(arguments)
    need_wrk()
    plan = Plan(given.seconds, given.rounds, measures=given.measure)
    if given.quick:
        plan = Plan(1.0, 1, 50_000, 2, given.measure)
    results = Results() if given.quick else Results.read()
    chosen = [CONTESTANTS[name] for name in CONTESTANTS if name in given.only]
    with tempfile.TemporaryDirectory(prefix="bench-model-") as folder:
        failed = run(chosen, train(Path(folder)), given.port, plan, results)
    print(results.table([contestant for contestant in CONTESTANTS.values() if contestant.name in results.figures]))
    if given.quick:
        return 1 if failed else 0
    results.write(list(CONTESTANTS.values()))
    for told in (unkept := missed(results)):
        print(f"MISSED: {told}")
    return 1 if failed or unkept else 0


def run(chosen: Sequence[Contestant], trained: Trained, port: int, plan: Plan, results: Results) -> set[str]:
    """All rounds; the names of those that could not be measured. Each round begins with another contestant."""
    failed: set[str] = set()
    results.forget({FLOOR, *(contestant.name for contestant in chosen)}, plan.measures)
    if "beside" in plan.measures:
        failed |= beside(
            [contestant for contestant in chosen if contestant is OURS or contestant.name in NEAREST],
            trained,
            port,
            plan,
            results,
        )
    if not set(plan.measures) - {"beside"}:
        return failed
    for number in range(plan.rounds):
        shift = number % len(chosen)
        for contestant in [*chosen[shift:], *chosen[:shift]]:
            print(f"round {number + 1} of {plan.rounds}: {contestant.name}", end="  ", flush=True)
            try:
                figures, limits = play(contestant, trained, port, plan)
                if contestant is OURS and "batch" in plan.measures:
                    figures |= batches(trained, port, plan.batch_rows)
            except (RuntimeError, OSError):
                traceback.print_exc()
                failed.add(contestant.name)
                continue
            results.add(contestant.name, figures, limits)
            shown = ("single_8_cpu_ms", "single_64_rate", "two_64_rate", "rows_1_p50", "start_s", "idle_pss", "batch_arrow_s")
            print("  ".join(f"{key} {figures[key]:.3g}" for key in shown if key in figures), flush=True)
    return failed


def beside(chosen: Sequence[Contestant], trained: Trained, port: int, plan: Plan, results: Results) -> set[str]:
    """Ours and the nearest rivals in turns; the names of those that could not be measured."""
    names = {contestant.name for contestant in chosen}
    print(f"side by side, {plan.turns} turns: {', '.join(contestant.name for contestant in chosen)}", flush=True)
    try:
        told = side_by_side(chosen, trained, port, plan.turns)
    except (RuntimeError, OSError):
        traceback.print_exc()
        return names
    for name, turns in told.items():
        for figures in turns:
            results.add(name, figures, [])
    return set()


if __name__ == "__main__":
    sys.exit(main())
