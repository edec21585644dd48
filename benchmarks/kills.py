"""Kill the service again and again at full load, and look for every prediction that it had acknowledged.

Run: `python -m benchmarks.kills [--count 300]` (needs wrk). Each time one of these gets `kill -9`: every process at once, a
worker, what watches over the workers, or the process that moves predictions to the store. After the service is back and has
caught up, each acknowledged request must be in the store exactly once.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.acknowledged import Searched, search
from benchmarks.serving.drilled import DrilledService
from benchmarks.serving.load import need_wrk
from benchmarks.serving.results import FOLDER
from benchmarks.serving.trained import train

VICTIMS = {"everything": 0.5, "worker": 0.25, "mover": 0.15, "first": 0.1}
CONFIDENCE = 0.95
BEFORE = (0.1, 0.6)  # seconds of load before the kill: somewhere in the life of a segment
AFTER = 0.3


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, search, tell; 1 where a prediction is lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="kills")
    parser.add_argument("--connections", type=int, default=32, help="that ask at the same time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=21320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="ten kills; nothing is written")
    given = parser.parse_args(arguments)
    need_wrk()
    count = 10 if given.quick else given.count
    with tempfile.TemporaryDirectory(prefix="bench-kills-") as folder:
        service = DrilledService(Path(folder), train(Path(folder)), given.port, given.workers)
        try:
            told = drill(service, count, given.connections, random.Random(given.seed))
        finally:
            service.end()
    print(f"{told['promise']}: {told['measured']}")
    if not given.quick:
        (FOLDER / "kills.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0 if told["kept"] else 1


def drill(service: DrilledService, count: int, connections: int, chance: random.Random) -> dict[str, object]:
    """All kills; what came of them."""
    lost_in, victims = 0, Counter[str]()
    acknowledged = lost = doubled = 0
    starts = [service.start()]
    for number in range(count):
        victim = chance.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        found, start = kill_once(service, victim, connections, chance)
        starts += [start] if start else []
        victims[victim] += 1
        acknowledged, lost, doubled = acknowledged + found.acknowledged, lost + found.lost, doubled + found.doubled
        lost_in += bool(found.lost)
        print(f"{number + 1}/{count} {victim}: {found.acknowledged} acknowledged, {found.lost} lost", flush=True)
    bound = 1 - (1 - CONFIDENCE) ** (1 / count)
    certain = f", so below {bound:.1%} a kill at {CONFIDENCE:.0%}" if not lost_in else ""
    return {
        "promise": f"acknowledged predictions lost over {count} `kill -9` at full load: none",
        "measured": f"{lost} of {acknowledged:,} lost, {doubled} doubled{certain}",
        "kept": not lost and not doubled and acknowledged > 0,
        "kills": dict(victims),
        "acknowledged": acknowledged,
        "lost": lost,
        "kills_with_loss": lost_in,
        "doubled": doubled,
        "connections": connections,
        "restart_s": {"median": sorted(starts)[len(starts) // 2], "max": max(starts)},
    }


def kill_once(service: DrilledService, victim: str, connections: int, chance: random.Random) -> tuple[Searched, float]:
    """Load, kill, bring back, catch up, search; what was found, and seconds of the start if there was one."""
    start = 0.0
    with service.load(connections) as load:
        time.sleep(chance.uniform(*BEFORE))
        members = service.members()
        chosen = {"everything": [*members["first"], *members["worker"], *members["mover"]]}.get(victim) or members[victim]
        if victim == "worker":
            chosen = [chance.choice(members["worker"] or members["first"])]
        service.kill(chosen)
        if victim in ("worker", "mover"):
            time.sleep(AFTER)
    if victim not in ("worker", "mover") or not members["worker"]:
        service.wait_gone()
        start = service.start()
    service.wait_ready()
    service.caught_up()
    found = search(load.done, service.engine)
    load.done.acknowledged.unlink()
    return found, start


if __name__ == "__main__":
    sys.exit(main())
