"""Runs the study: `python -m benchmarks.drift` (all), `--quick` (20 injections, ours alone), `--calibrate` (fix thresholds anew).

Exits with 1 where a goal is missed: 2 false alarms a year for an area, over all and in each panel, and 95 % of the injections found. It is,
as docs/drift.md tells. `--quick` and `--calibrate` judge nothing.

Resumable: what each peer said is kept below `.evenkeel/bench-drift`, by the hash of what is scored, and on our remainder of what
makes it.
"""

import argparse
import hashlib
import json
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.drift import calibrate, page, panels, results, rivals
from benchmarks.drift.ours import Changed, World, changed, worlds
from benchmarks.drift.registered import registration_hash, scored_on
from benchmarks.goals import exit_code
from model_code.faults import grid, normal, regression
from model_code.faults.thresholds import FILE, thresholds

RESULTS = Path(__file__).parents[1] / "results" / "drift.json"
CACHE = Path(".evenkeel") / "bench-drift"
QUICK = 20
PEERS = {"NannyML": rivals.nannyml, "Evidently": rivals.evidently}
REMAINDERS = (panels, grid, normal, regression)  # what our remainder is made by, and nothing else
ON = {"load": "the load", "left": "our remainder"}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--calibrate", action="store_true")
    asked.add_argument("--every", type=int, default=1, help="ask Evidently about every so many-th fortnight only")
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    if options.calibrate:
        print(calibrate.write())
        return 0
    limits = thresholds()
    if limits.registration != registration_hash():
        raise SystemExit("the thresholds were fixed on another registration: python -m benchmarks.drift --calibrate")
    began = time.perf_counter()
    found = worlds(limits)
    changes = changed(found, limits, QUICK if options.quick else None)
    print(f"ours: {time.perf_counter() - began:.0f} s", flush=True)
    said = {"Evenkeel": results.ours_said(found, changes)}
    result = keep(found, changes, said, write=not options.quick)
    marks = {"load": hashlib.sha256(scored_on()).hexdigest(), "left": hashlib.sha256(made_by() + scored_on()).hexdigest()}
    for where, name in [] if options.quick else [(where, name) for where in ON for name in PEERS]:
        began = time.perf_counter()
        said[f"{name} on {ON[where]}"] = rivals.kept(
            CACHE / marks[where][:16] / f"{name}-{where}-{options.every}.json",
            lambda name=name, where=where: PEERS[name](found, changes, where, options.every),
        )
        print(f"{name} on {ON[where]}: {time.perf_counter() - began:.0f} s", flush=True)
        keep(found, changes, said, write=True)
    return 0 if options.quick else exit_code(page.goals(result))


def made_by() -> bytes:
    return b"".join(Path(str(module.__file__)).read_bytes() for module in REMAINDERS)


def keep(
    found: Mapping[str, World], changes: Sequence[Changed], said: Mapping[str, rivals.Said], *, write: bool
) -> dict[str, Any]:
    """Print the table of all who have spoken so far; write result, pages and picture where asked; the result."""
    pairs = results.pairs_of(found)
    result = {
        "registration": registration_hash(),
        "thresholds": hashlib.sha256(FILE.read_bytes()).hexdigest(),
        "entity_years": round(len(results.our_weeks(found)) / results.WEEKS, 1),
        "contestants": [results.told(name, one, changes, pairs) for name, one in said.items()],
        "ours": results.details(found, changes),
    }
    print(page.table(result), flush=True)
    if write:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
        page.write(result)
    return result


if __name__ == "__main__":
    sys.exit(main())
