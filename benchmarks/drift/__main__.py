"""Runs the study: `python -m benchmarks.drift` (all), `--quick` (20 injections, ours alone), `--calibrate` (fix thresholds anew).

Resumable: what each peer said is kept below `.evenkeel/bench-drift`, by the hashes of registration and thresholds.
"""

import argparse
import hashlib
import json
import time
import warnings
from pathlib import Path

from benchmarks.drift import calibrate, page, results, rivals
from benchmarks.drift.ours import changed, worlds
from benchmarks.drift.registered import registration_hash
from model_code.faults.thresholds import FILE, thresholds

RESULTS = Path(__file__).parents[1] / "results" / "drift.json"
CACHE = Path(".evenkeel") / "bench-drift"
QUICK = 20
PEERS = {"Evidently": rivals.evidently, "NannyML": rivals.nannyml}
ON = {"load": "the load", "left": "our remainder"}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--calibrate", action="store_true")
    asked.add_argument("--every", type=int, default=1, help="ask Evidently about every so many-th fortnight only")
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    if options.calibrate:
        print(calibrate.write())
        return
    limits = thresholds()
    if limits.registration != registration_hash():
        raise SystemExit("the thresholds were fixed on another registration: python -m benchmarks.drift --calibrate")
    began = time.perf_counter()
    found = worlds(limits)
    changes = changed(found, limits, QUICK if options.quick else None)
    print(f"ours: {time.perf_counter() - began:.0f} s", flush=True)
    said = {"Evenkeel": results.ours_said(found, changes)}
    mark = hashlib.sha256(FILE.read_bytes() + registration_hash().encode()).hexdigest()
    for name, ask in {} if options.quick else PEERS.items():
        for what, where in ON.items():
            began = time.perf_counter()
            said[f"{name} on {where}"] = rivals.kept(
                CACHE / mark[:16] / f"{name}-{what}-{options.every}.json",
                lambda ask=ask, what=what: ask(found, changes, what, options.every),
            )
            print(f"{name} on {where}: {time.perf_counter() - began:.0f} s", flush=True)
    pairs = results.pairs_of(found)
    result = {
        "registration": registration_hash(),
        "thresholds": hashlib.sha256(FILE.read_bytes()).hexdigest(),
        "entity_years": round(len(results.our_weeks(found)) / results.WEEKS, 1),
        "contestants": [results.told(name, one, changes, pairs) for name, one in said.items()],
        "ours": results.details(found, changes),
    }
    print(page.table(result))
    if not options.quick:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
        page.write(result)


if __name__ == "__main__":
    main()
