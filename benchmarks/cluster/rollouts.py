"""Rollouts, canaries, rollbacks and pointer moves in a row, under load."""

import time
from collections.abc import Callable

from benchmarks.cluster.callers import Callers, calling, lost
from benchmarks.cluster.ground import Ground
from benchmarks.cluster.told import Told
from tests.e2e.installed import USECASE

SHARE = 50


def rollouts(ground: Ground, count: int) -> Told:
    """So many in a row; no request may fail, no acknowledged prediction may be missing."""
    ground.deploy(0)
    seconds: dict[str, list[float]] = {name: [] for name in STEPS}
    with calling(ground) as callers:
        for number in range(count):
            name = tuple(STEPS)[number % len(STEPS)]
            began = time.monotonic()
            STEPS[name](ground, callers)
            seconds[name].append(time.monotonic() - began)
            print(f"{number + 1}/{count} {name}: {seconds[name][-1]:.1f} s, {len(callers.failed)} failed", flush=True)
    asked = set(callers.answered)
    gone = lost(ground, asked)
    return {
        "count": count,
        "answered": len(asked),
        "failed": len(callers.failed),
        "failures": callers.failed[:5],
        "lost": gone,
        "seconds": {name: values for name, values in seconds.items() if values},
    }


def _rollout(ground: Ground, callers: Callers) -> None:
    """The other model with its image."""
    ground.deploy(1 - ground.current)


def _canary(ground: Ground, callers: Callers) -> None:
    """The other model beside it with half of the requests, and away again."""
    challenger = ground.wanted(1 - ground.current)
    ground.target.stage(challenger, "canary", timeout=300)
    began = time.monotonic()
    ground.target.traffic(USECASE, SHARE)
    callers.heard(challenger.bundle, began)
    ground.target.withdraw(USECASE, timeout=300)


def _rollback(ground: Ground, callers: Callers) -> None:
    """Pointer and image of the release before."""
    ground.point(1 - ground.current)
    ground.target.rollback(USECASE, timeout=300)
    ground.current = 1 - ground.current


def _pointer(ground: Ground, callers: Callers) -> None:
    """The other model in the same pods, and back."""
    for number in (1 - ground.current, ground.current):
        began = time.monotonic()
        ground.point(number)
        callers.heard(ground.wanted(number).bundle, began)


STEPS: dict[str, Callable[[Ground, Callers], None]] = {
    "rollout": _rollout,
    "canary": _canary,
    "rollback": _rollback,
    "pointer": _pointer,
}
