"""The drills over many seeds: how often the loop does right, how often wrong, how often harm.

Run: `python -m benchmarks.drills [--seeds 20] [--only bad_release] [--processes 2] [--minutes 3] [--fresh]` or
`make bench-drills`. Every drill is kept in `benchmarks/results/drills.json` once it is done, and not played again: stopped and
run again, it goes on. The table goes into README.md between the markers `drills`, and says how many were played by the code of
the loop as it was then: `--minutes 0` counts anew and plays none, `--fresh` plays again what other code played. One seed of all nine after the other's nine, so that what is
played is spread over them wherever it stops. `--prefect` plays one of each through a Prefect server instead (benchmarks/staged_drills.py).
"""

import argparse
import ast
import hashlib
import json
import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.goals import Goal, exit_code
from benchmarks.marked import within
from benchmarks.staged_drills import play_staged, staged_of
from flows.drill.beginning import begun
from flows.drill.checks import check
from flows.drill.course import Course
from flows.drill.draws import DRAWS, draw
from flows.drill.loop import Loop
from flows.drill.script import DAY

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "drills.json"
GOAL_RIGHT = 0.95  # of all, and none harmful
DECIDES = (
    *("model_code/data/*.py", "model_code/specification.py", "model_code/evidence.py", "model_code/series.py"),
    *("model_code/policy.py", "model_code/trouble.py", "model_code/doubt.py", "model_code/incidents.py", "model_code/drift.py"),
    *("model_code/slices.py", "model_code/retraining.py", "model_code/recalibration.py", "model_code/calibration.py"),
    *("model_code/verdict.py", "model_code/contest.py", "model_code/challenger.py", "model_code/promotion*.py"),
    *(
        "monitoring/truth.py",
        "monitoring/slices.py",
        "monitoring/estimate.py",
        "monitoring/evidence.py",
        "monitoring/judgement.py",
    ),
    *("monitoring/acting.py", "monitoring/recalibrating.py", "monitoring/composing.py", "monitoring/reigns.py"),
    *("monitoring/releases.py", "monitoring/previous.py", "monitoring/yardsticks.py", "model_code/faults/*.py"),
    *("flows/drill/*.py", "model_code/usecases/demand_victoria/*"),
)
"""What decides how a drill ends: patterns of files."""
TELLS = ("__main__.py", "on_stage.py", "beginning.py")
"""Files of `flows/drill` that only start a drill: they decide nothing."""
Drill = tuple[str, int]
Outcome = dict[str, Any]
Played = dict[str, Outcome]


def main() -> int:
    """Play, print, keep; 1 where fewer of all that were played are right than the goal, or any does harm."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C
    options, code = _options(), code_of_the_loop()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    played, staged = kept.get("drills", {}), kept.get("through_prefect", {})
    found, play_each = (staged, play_staged) if options.prefect else (played, partial(play_all, processes=options.processes))
    names = [options.only] if options.only else list(DRAWS)
    wanted = staged_of(names) if options.prefect else [(name, seed) for seed in range(1, options.seeds + 1) for name in names]
    missing = [drill for drill in wanted if not is_played(found, drill, code if options.fresh else None)]
    for (name, seed), outcome in play_each(missing, minutes=options.minutes):
        found[f"{name}/{seed}"] = outcome | {"code": code}
        keep(played, staged, code)
        print(f"{name}/{seed}: {found[f'{name}/{seed}']}", flush=True)
    told = keep(played, staged, code)
    readme = ROOT / "README.md"
    readme.write_text(within(readme.read_text(), "drills", section(told)))
    return exit_code(goals(told))


def goals(told: dict[str, Any]) -> list[Goal]:
    """Over all that were played, those through Prefect among them."""
    total = totals(told["drills"] | {f"{drill} through Prefect": each for drill, each in told["through_prefect"].items()})
    return [Goal("share right", total["share_right"], GOAL_RIGHT, at_least=True), Goal("harmful", total["harmful"], 0)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drills", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of each drill (default: %(default)s)")
    parser.add_argument("--only", choices=sorted(DRAWS), help="one drill alone")
    parser.add_argument("--processes", type=int, default=1, help="drills at a time (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="begin none after so long (default: all that are missing)")
    parser.add_argument("--prefect", action="store_true", help="the first seed of each through a Prefect server")
    parser.add_argument("--fresh", action="store_true", help="play again what other code of the loop played")
    return parser.parse_args()


def is_played(played: Played, drill: Drill, code: str | None) -> bool:
    """Whether a drill was played, by that code where one is told."""
    name, seed = drill
    outcome = played.get(f"{name}/{seed}")
    return outcome is not None and code in (None, outcome.get("code"))


def play_all(drills: Sequence[Drill], *, processes: int, minutes: float | None) -> Iterator[tuple[Drill, Outcome]]:
    """Drills as they end, so many at a time in processes of their own; none is begun after so many minutes."""
    waiting, until = list(drills), float("inf") if minutes is None else time.monotonic() + 60 * minutes
    if not waiting or time.monotonic() >= until:
        return
    started, under_way = begun(), dict[Future[Outcome], Drill]()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        while under_way or (waiting and time.monotonic() < until):
            while waiting and len(under_way) < processes and time.monotonic() < until:
                drill = waiting.pop(0)
                under_way[pool.submit(play, *drill, started)] = drill
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(done), done.result()


def play(name: str, seed: int, started: Path) -> Outcome:
    """One drill; what was right and what was not."""
    script, began, busy = draw(name, seed), time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(started, Path(folder) / "home", script)
        loop.play()
        course = Course.of(loop.place)
        loop.place.sql.dispose()
    outcome = check(script, course)
    return {
        "story": script.story,
        "acts": course.told(script.begin - script.lead_in * DAY, course.looks[-1].at + DAY),
        "right": outcome.right,
        "harms": list(outcome.harms),
        "unmet": [str(finding) for finding in outcome.findings if not finding.met],
        "looks": len(course.looks),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() - busy, 1),
        "day": date.today().isoformat(),
    }


def code_of_the_loop(root: Path = ROOT) -> str:
    """A digest of the files below `root` that decide how a drill ends: what they do, and not how they say it."""
    digest = hashlib.sha256()
    found = (path for pattern in DECIDES for path in root.glob(pattern))
    for path in sorted(path for path in found if path.is_file() and path.name not in TELLS):
        digest.update(
            f"{path.relative_to(root)}\n".encode() + (doing(path.read_text()) if path.suffix == ".py" else path.read_bytes())
        )
    return digest.hexdigest()[:12]


def doing(source: str) -> bytes:
    """What Python source does: without comments and docstrings, nor where names are imported from, which files of their own tell."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            said = [each for each in body if isinstance(each, ast.Import | ast.ImportFrom) or _is_text(each)]
            node.body = [each for each in body if each not in said]
    return ast.dump(tree).encode()


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def keep(played: Played, staged: Played, code: str, file: Path = RESULTS) -> dict[str, Any]:
    """Write what was played so far, whole or not at all, and the code of the loop at that moment; what was written."""
    beside = file.with_suffix(".tmp")
    told = {"totals": totals(played), "code": code, "drills": played, "through_prefect": staged}
    beside.write_text(json.dumps(told, indent=1) + "\n")
    beside.replace(file)
    return told


def totals(played: Played) -> dict[str, Any]:
    """Over all drills."""
    right = sum(each["right"] for each in played.values())
    harmful = sum(bool(each["harms"]) for each in played.values())
    return {"played": len(played), "right": right, "harmful": harmful, "share_right": round(right / max(1, len(played)), 3)}


def section(told: dict[str, Any]) -> str:
    """The README's section, of what is kept."""
    return table(told["drills"], told["code"]) + told_of(told["through_prefect"], told["code"])


def table(played: Played, code: str) -> str:
    """The table, and how many of it that code of the loop played."""
    rows = ["| drill | played | right | wrong (seeds) | harmful (seeds) |", "|---|---|---|---|---|"]
    for name in DRAWS:
        of = {int(key.split("/")[1]): each for key, each in played.items() if key.startswith(f"{name}/")}
        wrong = [seed for seed, each in sorted(of.items()) if not each["right"]]
        harmful = [seed for seed, each in sorted(of.items()) if each["harms"]]
        rows.append(f"| `{name}` | {len(of)} | {len(of) - len(wrong)} | {_seeds(wrong)} | {_seeds(harmful)} |")
    total = totals(played)
    rows.append(f"| all | {total['played']} | {total['right']} ({total['share_right']:.1%}) | | {total['harmful']} |")
    latest = sum(each.get("code") == code for each in played.values())
    told = (
        "A busy machine plays few: `make bench-drills` plays what is missing of twenty each, `--fresh` what other code played, "
    )
    told += "`--minutes 0` counts anew, by the code as it is."
    return "\n".join(
        [*rows, "", f"{latest} of {total['played']} were played by the code of the loop at the last count, `{code}`. {told}"]
    )


def told_of(staged: Played, code: str) -> str:
    """What was played through Prefect, in words, and how many of it that code of the loop played; nothing where none was."""
    if not staged:
        return ""
    wrong = [key for key, each in staged.items() if not each["right"]]
    told = f"Through a Prefect server, worker, automations and service: {len(staged)} played, {len(staged) - len(wrong)} right"
    fresh = sum(each["code"] == code for each in staged.values())
    named = f"{told} ({', '.join(staged)})" + (f"; wrong: {', '.join(wrong)}." if wrong else ".")
    return f"\n\n{named} {fresh} of them by the code of the last count."


def _seeds(found: list[int]) -> str:
    return f"{len(found)} ({', '.join(map(str, found))})" if found else "0"


if __name__ == "__main__":
    sys.exit(main())
