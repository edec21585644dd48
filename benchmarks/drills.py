"""The drills over many seeds: how often the loop does right, how often wrong, how often harm.

Run: `python -m benchmarks.drills [--seeds 20] [--only bad_release] [--started FOLDER/started] [--fresh]` or `make bench-drills`. Every drill is kept in
`benchmarks/results/drills.json` once it is done, and not played again: stopped and run again, it goes on. The table goes into
README.md between the markers `drills`, and says how many were played by the code of the loop as it is now: `--fresh` plays again
those that were not. Twenty seeds of all nine take about an hour of one core.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from flows.drill.__main__ import open_started
from flows.drill.checks import check
from flows.drill.course import Course
from flows.drill.draws import DRAWS, draw
from flows.drill.loop import Loop
from flows.drill.script import DAY

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "drills.json"
HEAD, TAIL = "<!-- drills -->", "<!-- /drills -->"
DECIDES = (
    *("model_code/policy.py", "model_code/trouble.py", "model_code/doubt.py", "model_code/incidents.py", "model_code/drift.py"),
    *("model_code/retraining.py", "model_code/recalibration.py", "model_code/verdict.py", "model_code/data/set_aside.py"),
    *("monitoring/acting.py", "monitoring/evidence.py", "monitoring/judgement.py", "monitoring/releases.py"),
    *("monitoring/recalibrating.py", "model_code/faults/*.py", "flows/drill/*.py", "model_code/usecases/demand_victoria/*"),
)
"""What decides how a drill ends: patterns of files."""
Played = dict[str, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drills", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of each drill (default: %(default)s)")
    parser.add_argument("--only", choices=sorted(DRAWS), help="one drill alone")
    parser.add_argument("--started", type=Path, help="home with the first model, made there if it is not (default: made anew)")
    parser.add_argument("--fresh", action="store_true", help="play again what other code of the loop played")
    options = parser.parse_args()
    code = code_of_the_loop()
    played: Played = json.loads(RESULTS.read_text())["drills"] if RESULTS.exists() else {}
    if options.fresh:
        played = {key: each for key, each in played.items() if each.get("code") == code}
    names = [options.only] if options.only else list(DRAWS)
    wanted = [(name, seed) for seed in range(1, options.seeds + 1) for name in names]
    missing = [(name, seed) for name, seed in wanted if f"{name}/{seed}" not in played]
    with tempfile.TemporaryDirectory() as folder:
        opened = options.started or Path(folder) / "started"
        started = opened if opened.exists() or not missing else open_started(opened.parent)
        for name, seed in missing:
            played[f"{name}/{seed}"] = play(name, seed, started, Path(folder) / f"{name}-{seed}") | {"code": code}
            keep(played)
            print(f"{name}/{seed}: {played[f'{name}/{seed}']}", flush=True)
    keep(played)
    readme = (ROOT / "README.md").read_text()
    (ROOT / "README.md").write_text(within(readme, table(played)))


def play(name: str, seed: int, started: Path, home: Path) -> dict[str, Any]:
    """One drill; what was right and what was not."""
    script, began = draw(name, seed), time.monotonic()
    loop = Loop(started, home, script)
    loop.play()
    course = Course.of(loop.place)
    outcome = check(script, course)
    loop.place.sql.dispose()
    shutil.rmtree(home)
    return {
        "story": script.story,
        "acts": course.told(script.begin - script.lead_in * DAY, course.looks[-1].at + DAY),
        "right": outcome.right,
        "harms": list(outcome.harms),
        "unmet": [str(finding) for finding in outcome.findings if not finding.met],
        "seconds": round(time.monotonic() - began, 1),
        "day": date.today().isoformat(),
    }


def code_of_the_loop() -> str:
    """A digest of the files that decide how a drill ends."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in DECIDES for path in ROOT.glob(pattern) if path.is_file()):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def keep(played: Played) -> None:
    """Write what was played so far, whole or not at all."""
    beside = RESULTS.with_suffix(".tmp")
    beside.write_text(json.dumps({"totals": totals(played), "drills": played}, indent=1) + "\n")
    beside.replace(RESULTS)


def totals(played: Played) -> dict[str, Any]:
    """Over all drills."""
    right = sum(each["right"] for each in played.values())
    harmful = sum(bool(each["harms"]) for each in played.values())
    return {"played": len(played), "right": right, "harmful": harmful, "share_right": round(right / max(1, len(played)), 3)}


def table(played: Played) -> str:
    """The README's table."""
    rows = ["| drill | played | right | wrong (seeds) | harmful (seeds) |", "|---|---|---|---|---|"]
    for name in DRAWS:
        of = {int(key.split("/")[1]): each for key, each in played.items() if key.startswith(f"{name}/")}
        wrong = [seed for seed, each in sorted(of.items()) if not each["right"]]
        harmful = [seed for seed, each in sorted(of.items()) if each["harms"]]
        rows.append(f"| `{name}` | {len(of)} | {len(of) - len(wrong)} | {_seeds(wrong)} | {_seeds(harmful)} |")
    total = totals(played)
    rows.append(f"| all | {total['played']} | {total['right']} ({total['share_right']:.1%}) | | {total['harmful']} |")
    latest = sum(each.get("code") == code_of_the_loop() for each in played.values())
    told = "A busy machine plays few: `make bench-drills` plays what is missing of twenty each, `--fresh` what other code played."
    return "\n".join([*rows, "", f"{latest} of {total['played']} were played by the code of the loop as it is now. {told}"])


def within(page: str, section: str) -> str:
    """The page with the section between its markers."""
    before, rest = page.split(HEAD)
    return f"{before}{HEAD}\n{section}\n{TAIL}{rest.split(TAIL)[1]}"


def _seeds(found: list[int]) -> str:
    return f"{len(found)} ({', '.join(map(str, found))})" if found else "0"


if __name__ == "__main__":
    main()
