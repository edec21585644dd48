"""As-of read of 50 entities x 5 years hourly with 2 % revisions: seconds, and the process's peak memory.

Run: `python benchmarks/as_of.py`. Goals: at most 2 s, less than 1 GB (of the whole process, libraries included).
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.goals import Goal, exit_code
from model_code.data.store import ObservationStore

RESULTS = Path(__file__).parent / "results"
GOAL_SECONDS, GOAL_MB = 2, 1023  # less than 1 GB, in whole MB
START = datetime(2019, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=5 * 365 + 30)


def write(folder: str, hours: int, entities: int = 50, revised: float = 0.02) -> int:
    """A table of that size, loaded year by year, revisions three days later; returns its rows."""
    rng = np.random.default_rng(1)
    names = np.array([f"zone{number:02}" for number in range(entities)], dtype=object)
    store, rows = ObservationStore(folder), 0
    for first in range(0, hours, 8760):
        times = pd.date_range(START + timedelta(hours=first), periods=min(8760, hours - first), freq="h").as_unit("us")
        page = pd.DataFrame({"entity": np.tile(names, len(times)), "time": times.repeat(entities)})
        page["known_at"] = page["time"] + timedelta(hours=2)
        page["load"] = rng.random(len(page))
        revisions = page.sample(frac=revised, random_state=1)
        revisions = revisions.assign(known_at=revisions["known_at"] + timedelta(days=3), load=revisions["load"] + 1)
        for part in (page, revisions):
            rows += store.append("zones", "load", part).inserted
    return rows


def read(folder: str) -> dict[str, float]:
    """Seconds of a whole read, and of the two weeks that a forecast needs; peak memory in MB.

    The best of five, since other work on the machine only ever adds; CPU seconds (of all threads) beside it.
    """
    store, walls, cpus = ObservationStore(folder), [], []
    for _ in range(5):
        began, busy = time.perf_counter(), time.process_time()
        rows = len(store.as_of("zones", "load", NOW))
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    store.as_of("zones", "load", NOW, start=START + timedelta(days=60), end=START + timedelta(days=74))
    recent = time.perf_counter() - began
    return {
        "rows": rows,
        "seconds": round(min(walls), 3),
        "median_seconds": round(sorted(walls)[2], 3),
        "cpu_seconds": round(min(cpus), 3),
        "two_weeks_seconds": round(recent, 3),
        "peak_mb": round(peak),
    }


def read_apart(folder: str) -> dict[str, float]:
    """The read in a process of its own, so that its peak memory is only its own."""
    done = subprocess.run([sys.executable, __file__, folder], capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> int:
    """Write, read, print, keep; 1 where a goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        stored = write(folder, 5 * 8760)
        result = read_apart(folder) | {"stored": stored}
        ObservationStore(folder).compact("zones", "load", [], timedelta(0))
        compacted = read_apart(folder)
    print(f"{'':14}{'rows':>12}{'seconds':>10}{'cpu s':>10}{'two weeks':>12}{'peak MB':>10}")
    for name, told in (("as appended", result), ("compacted", compacted)):
        print(
            f"{name:14}{told['rows']:>12,}{told['seconds']:>10}{told['cpu_seconds']:>10}{told['two_weeks_seconds']:>12}{told['peak_mb']:>10}"
        )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "as_of.json").write_text(json.dumps({"as_appended": result, "compacted": compacted}, indent=2) + "\n")
    return exit_code([Goal("seconds", result["seconds"], GOAL_SECONDS), Goal("MB at the peak", result["peak_mb"], GOAL_MB)])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(read(sys.argv[1])))
    else:
        sys.exit(main())
