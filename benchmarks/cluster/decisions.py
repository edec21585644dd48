"""Seconds from a decision until the old model answers again: by the pointer, by Helm, by the canary's weight."""

import time
from contextlib import ExitStack

import httpx

from benchmarks.cluster.answering import Answering
from benchmarks.cluster.callers import calling
from benchmarks.cluster.ground import Ground
from benchmarks.cluster.told import Told
from tests.e2e.cluster import until
from tests.e2e.installed import USECASE

POLL = 0.005


def pointer(ground: Ground, count: int) -> Told:
    """From the moved pointer until the last ready replica says that it serves the other bundle."""
    ground.deploy(0)
    bundles = [release.bundle for release in ground.installed.releases]
    with ExitStack() as stack:
        clients = [stack.enter_context(_pod(ground, pod["metadata"]["name"], stack)) for pod in ground.pods()]
        seconds = []
        for number in range(count):
            wanted = 1 - number % 2
            began = time.monotonic()
            ground.point(wanted)
            until(lambda: all(_serves(client, bundles[wanted]) for client in clients), "the other model", seconds=60)  # noqa: B023
            seconds.append(time.monotonic() - began)
            time.sleep(0.3)
    ground.point(0)
    return {"seconds": seconds, "replicas": len(clients)}


def helm(ground: Ground, count: int) -> Told:
    """From the decision to take a release back until no pod of the newer image has answered any more."""
    seconds, failed = [], 0
    for _ in range(count):
        ground.deploy(0)
        ground.deploy(1)
        with calling(ground) as callers, ExitStack() as stack:
            newer = [stack.enter_context(Answering(pod["status"]["podIP"])) for pod in ground.pods()]
            until(lambda: all(each.answered for each in newer), "an answer of each pod")  # noqa: B023
            began = time.monotonic()
            ground.point(0)
            ground.target.rollback(USECASE, timeout=300)
            until(lambda: all(each.gone for each in newer), "the end of the newer pods")  # noqa: B023
            seconds.append(max(each.last for each in newer) - began)
        failed += len(callers.failed)
    ground.deploy(0)
    return {"seconds": seconds, "failed": failed}


def weight(ground: Ground, count: int) -> Told:
    """From the decision to take the canary's requests away until its last answer."""
    ground.deploy(0)
    challenger, seconds = ground.wanted(1), []
    ground.target.stage(challenger, "canary", timeout=300)
    with calling(ground) as callers:
        for _ in range(count):
            began = time.monotonic()
            ground.target.traffic(USECASE, 50)
            callers.heard(challenger.bundle, began)
            began = time.monotonic()
            ground.target.traffic(USECASE, 0)
            seconds.append(callers.quiet(challenger.bundle, began))
    ground.target.withdraw(USECASE, timeout=300)
    return {"seconds": seconds, "failed": len(callers.failed)}


def _pod(ground: Ground, name: str, stack: ExitStack) -> httpx.Client:
    port = stack.enter_context(ground.cluster.forwarded(f"pod/{name}", 3000))
    headers = {"authorization": f"Bearer {ground.installed.key}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10)


def _serves(client: httpx.Client, bundle: str) -> bool:
    time.sleep(POLL)
    told = client.get("/model").json()
    return bool(told["bundle"] == bundle and told["ready"])
