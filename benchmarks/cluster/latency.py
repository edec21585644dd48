"""What the ingress adds to a request, one at a time: asked straight at a pod and through the ingress, by turns."""

import json
import statistics

from benchmarks.cluster.ground import Ground
from benchmarks.cluster.told import Told
from benchmarks.serving.load import ask, need_wrk
from tests.e2e.cluster import INGRESS

SECONDS = 4.0
BODY = json.dumps({"rows": [[60.0, 61.0]], "lead": [0]}).encode()


def latency(ground: Ground, count: int) -> Told:
    """Milliseconds p50 and p99 of both, and the median of the differences over the rounds."""
    need_wrk()
    ground.deploy(0)
    key = f"authorization: Bearer {ground.installed.key}"
    pod = ground.pods()[0]["status"]["podIP"]
    ways = {
        "pod": (f"http://{pod}:3000/predict", (key,)),
        "ingress": (f"{INGRESS}/predict", (key, f"Host: {ground.installed.host}")),
    }
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(count):
        order = list(ways) if number % 2 == 0 else list(reversed(ways))
        found = {}
        for way in order:
            load = ask(ways[way][0], BODY, 1, SECONDS, ways[way][1])
            if load.failed or not load.requests:
                raise SystemExit(f"{way}: {load.failed} of {load.requests} failed")
            found[way] = {"p50": load.p50, "p99": load.p99, "rate": load.rate}
        rounds.append(found)
        print(json.dumps(found), flush=True)
    added = {name: statistics.median(each["ingress"][name] - each["pod"][name] for each in rounds) for name in ("p50", "p99")}
    return {"rounds": rounds, "added_p50_ms": added["p50"], "added_p99_ms": added["p99"]}
