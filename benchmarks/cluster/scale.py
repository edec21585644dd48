"""Scaling out under load by the chart's autoscaler, and back afterwards."""

import time

from benchmarks.cluster.callers import calling, lost
from benchmarks.cluster.ground import Ground
from benchmarks.cluster.told import Told
from tests.e2e.cluster import until

LEAST, MOST = 2, 4
BUSY_CALLERS = 12
SECONDS = 300.0
RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}}  # little, so that two cores hold four busy pods


def scale(ground: Ground) -> Told:
    """Seconds from the load until four replicas are ready, and from its end until two are left; failed requests in all of it."""
    scaler = {"enabled": True, "min": LEAST, "max": MOST, "cpu": 60, "downSeconds": 15}
    ground.deploy(0, autoscaling=scaler, resources=RESOURCES)
    with calling(ground) as callers:
        until(lambda: _ready(ground) == LEAST, "two replicas", seconds=SECONDS)
        began = time.monotonic()
        with calling(ground, BUSY_CALLERS, 0.001) as busy:
            until(lambda: _ready(ground) == MOST, "four replicas", seconds=SECONDS)
            out = time.monotonic() - began
        began = time.monotonic()
        until(lambda: _ready(ground) == LEAST, "two replicas again", seconds=SECONDS)
        back = time.monotonic() - began
    asked = {*callers.answered, *busy.answered}
    found = {
        "out_s": out,
        "back_s": back,
        "failed": len(callers.failed) + len(busy.failed),
        "failures": (callers.failed + busy.failed)[:5],
        "answered": len(asked),
        "lost": lost(ground, asked),
    }
    ground.deploy(0)
    return found


def _ready(ground: Ground) -> int:
    time.sleep(0.3)
    states = [each for pod in ground.pods() for each in pod["status"].get("conditions", []) if each["type"] == "Ready"]
    return sum(each["status"] == "True" for each in states)
