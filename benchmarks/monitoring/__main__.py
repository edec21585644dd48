"""`python -m benchmarks.monitoring [--quick]`: the distribution tests beside their peers, and a monitor run of 50 entities.

Each measurement is a process of its own. Writes benchmarks/results/monitoring.json and .svg and the README's section.
Goals: all tests of 1 million rows by 10 columns in 2 s and 500 MB; the monitor run in 30 s and 1 GB. Exits with 1 where one is
missed; with `--quick` nothing is judged.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.goals import exit_code
from benchmarks.monitoring.page import into_readme, plot, tests_goals, watch_goals
from benchmarks.serving.environments import CHECKOUT, python_of

HERE = Path(__file__).parent
FILE = CHECKOUT / "benchmarks" / "results" / "monitoring.json"
PLOT = FILE.with_suffix(".svg")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MOST = {"evidently": 1_000_000, "nannyml": 1_000_000}  # rows beyond which a peer takes minutes or all memory
ROUNDS = 3
LIMIT = 900.0  # seconds for one measurement


def asked(script: str, *arguments: str, python: Path | str = sys.executable) -> dict[str, Any]:
    """What a script prints as its last line."""
    command = [str(python), str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, timeout=LIMIT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def compared(sizes: tuple[int, ...], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Contestant -> rows -> medians over rounds, in which everybody has a turn."""
    pythons: dict[str, Path | str] = {"nannyml": python_of("nannyml")}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for rows in sizes:
        names = [name for name in ("ours", "ours_whole", "psi_numpy", "nannyml", "evidently") if rows <= MOST.get(name, rows)]
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for round_ in range(rounds if rows <= 1_000_000 else 1):
            for name in names:
                if round_ and name == "evidently" and rows >= 1_000_000:
                    continue  # most of a minute
                turns[name].append(asked("contestants.py", name, str(rows), python=pythons.get(name, sys.executable)))
        for name, told in turns.items():
            medians = {key: statistics.median(one[key] for one in told) for key in told[0]}
            found.setdefault(name, {})[str(rows)] = medians
            print(f"{rows:>12,} rows  {name:12} {medians['seconds']:>9.3f} s  {medians['peak_mb']:>7.0f} MB", flush=True)
    return found


def watched(rounds: int) -> dict[str, Any]:
    """The median monitor run."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        subprocess.run([sys.executable, str(HERE / "watch.py"), str(home), "prepare"], check=True, cwd=CHECKOUT)
        runs = []
        for _ in range(rounds):
            for path in (home / "reports").rglob("*.json"):
                path.unlink()  # so that a report is due
            runs.append(asked("watch.py", str(home)))
    told = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    print(f"monitor run: {told['seconds']} s, {told['peak_mb']} MB, {told['parts']}", flush=True)
    return told


def main() -> int:
    """Measure, print, keep; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, nothing kept: whether it runs")
    options = parser.parse_args()
    sizes, rounds = (SIZES[:2], 1) if options.quick else (SIZES, ROUNDS)
    result = {
        "machine": {"cores": os.cpu_count(), "cpu": platform.machine(), "load": round(os.getloadavg()[0], 1)},
        "tests": compared(sizes, rounds),
        "watch": watched(rounds),
    }
    if options.quick:
        return 0
    FILE.write_text(json.dumps(result, indent=1) + "\n")
    plot(result, PLOT)
    into_readme(result)
    return exit_code([*tests_goals(result), *watch_goals(result)])


if __name__ == "__main__":
    sys.exit(main())
