"""Stable, canary and shadow of one release: who answers, who may ask, and what Prometheus sees of them."""

import collections
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.cluster import INGRESS, Cluster, until
from tests.e2e.installed import USECASE, Installed
from tests.e2e.load import Load

# Images are built and loaded, pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
PROMETHEUS = "http://127.0.0.1:9090"
TRACKS = {"stable": "", "canary": "-canary", "shadow": "-shadow"}
REFUSED = r"timed out|unreachable|refused"
CONNECT = "import socket; socket.create_connection(({host!r}, 80), timeout=4); print('reached')"
SHARE = (0.02, 0.3)  # of the requests, where a tenth is asked for: the proxy deals them out in turns, and few are asked here


class Rollout:
    """An installed release with challengers beside it.

    Args:
        installed: The release.
    """

    def __init__(self, installed: Installed) -> None:
        self.installed, self.cluster = installed, installed.cluster
        self.host = f"route.{installed.host}"
        headers = {"host": self.host, "authorization": f"Bearer {installed.key}"}
        self._client = httpx.Client(base_url=INGRESS, headers=headers, timeout=30)

    def close(self) -> None:
        """Let its connections go."""
        self._client.close()

    def weigh(self, weight: int) -> None:
        """Give the canary so many percent of the requests."""
        self.installed.apply(self._values(weight))

    def ask(self, request_id: str) -> httpx.Response:
        """One row, through the Gateway."""
        return self._client.post("/predict", json={"rows": [[60.0, 61.0]], "lead": [0], "request_id": request_id})

    def answering(self, requests: int = 100) -> collections.Counter[str]:
        """Which bundles answer so many requests, none of which may fail."""
        found: collections.Counter[str] = collections.Counter()
        for _ in range(requests):
            response = self._client.get("/model")
            assert response.status_code == 200, response.text
            found[response.json()["bundle"]] += 1
        return found

    def pods(self) -> dict[str, str]:
        """Track -> one pod of it."""
        return {
            pod["metadata"]["labels"]["evenkeel.io/track"]: pod["metadata"]["name"]
            for pod in self.cluster.pods(self.installed.name)
        }

    def withdraw(self) -> None:
        """Without challengers, as it was before."""
        self.installed.apply(self.installed.values(0))

    def _values(self, weight: int) -> dict[str, Any]:
        stable, challenger = self.installed.values(0), self.installed.values(1)
        image, model = challenger["image"], challenger["model"]
        pinned = {"enabled": True, **model, "image": image, "replicas": 1}  # type: ignore[dict-item]
        policy = {**stable["networkPolicy"], "judges": [{"namespace": self.cluster.namespace, "pods": {"app": "judge"}}]}  # type: ignore[dict-item]
        return {
            **stable,
            "replicas": 1,
            "networkPolicy": policy,
            "canary": pinned | {"weight": weight},
            "shadow": pinned,
            "gateway": {"enabled": True, "name": "default", "namespace": "ingress", "hostnames": [self.host]},
            "metrics": {"interval": "5s"},
        }


@pytest.fixture(scope="module")
def rollout(installed: Installed) -> Iterator[Rollout]:
    """A canary without requests and a shadow, both of the second version."""
    first, second = (release.bundle for release in installed.releases)
    installed.place.pointers.move(USECASE, first, second)
    found = Rollout(installed)
    found.weigh(0)
    until(lambda: found.ask("first").status_code == 200, "an answer through the Gateway")
    yield found
    found.withdraw()
    found.close()


def test_tracks__challengers_serve_their_bundle_and_stable_the_pointers(rollout: Rollout) -> None:
    first, second = (release.bundle for release in rollout.installed.releases)
    told = {track: rollout.installed.model_of(pod) for track, pod in rollout.pods().items()}

    assert {track: answer["bundle"] for track, answer in told.items()} == {"stable": first, "canary": second, "shadow": second}
    assert {track: answer["pinned"] for track, answer in told.items()} == {"stable": False, "canary": True, "shadow": True}
    assert [told[track]["version"] for track in TRACKS] == ["1", "2", "2"]


def test_route__splits_by_weight_and_back_without_a_failed_request(rollout: Rollout) -> None:
    first, second = (release.bundle for release in rollout.installed.releases)
    assert set(rollout.answering()) == {first}, "a canary of weight 0 gets nothing"

    with Load(rollout.ask, pause=0.05) as load:
        rollout.weigh(10)
        until(lambda: second in load.bundles(), "an answer by the canary")
        split = rollout.answering(200)
        rollout.weigh(0)
        until(lambda: second not in rollout.answering(20), "the canary's last answer")
        back = rollout.answering()

    print(
        f"weight 10: {split[second]} of {split.total()} by the canary; {len(load.answered)} answered, {len(load.failed)} failed"
    )
    assert SHARE[0] < split[second] / split.total() < SHARE[1]
    assert set(back) == {first}
    assert load.failed == []


def test_policy__only_judges_reach_the_challengers_from_here(rollout: Rollout) -> None:
    image = rollout.installed.images[0].name
    for name in ("judge", "nobody"):
        rollout.cluster.kubectl("apply", "-f", "-", given=json.dumps(caller(name, image)))
    rollout.cluster.kubectl("wait", "--for=condition=Ready", "pod/judge", "pod/nobody", "--timeout=120s")

    for suffix in TRACKS.values():
        code = CONNECT.format(host=f"{rollout.installed.name}{suffix}")
        until(lambda code=code: _reaches(rollout.cluster, "judge", code), f"the judge's way to {suffix or 'stable'}", seconds=30)  # type: ignore[misc]
        until(lambda code=code: not _reaches(rollout.cluster, "nobody", code), "the policy's word on a new pod", seconds=30)  # type: ignore[misc]
        with pytest.raises(AssertionError, match=REFUSED):
            rollout.cluster.python("nobody", code)
    rollout.cluster.kubectl("delete", "pod", "judge", "nobody", "--wait=false")


def test_prometheus__reads_every_track_and_has_the_rules(rollout: Rollout) -> None:
    if not _answers():
        pytest.skip("no Prometheus in the cluster (cluster/up --monitoring)")
    namespace = rollout.cluster.namespace

    until(
        lambda: _tracks(f'up{{namespace="{namespace}", job="evenkeel-service"}} == 1') == set(TRACKS), "three targets that are up"
    )
    until(
        lambda: _tracks(f'evenkeel_service_ready{{namespace="{namespace}"}} == 1') == set(TRACKS), "three tracks that are ready"
    )
    until(lambda: {"EvenkeelReplicasMissing", "EvenkeelChallengerLeft"} <= _alerts(namespace), "the rules")


def caller(name: str, image: str) -> dict[str, Any]:
    """A pod that may ask what the policies let it."""
    closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "caller", "image": image, "command": ["sleep", "600"], "securityContext": closed}
    nobody = {"runAsNonRoot": True, "runAsUser": 10003, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": nobody, "automountServiceAccountToken": False}
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "terminationGracePeriodSeconds": 0}}


def _reaches(cluster: Cluster, pod: str, code: str) -> bool:
    try:
        return cluster.python(pod, code).strip() == "reached"
    except AssertionError:
        return False


def _answers() -> bool:
    try:
        return httpx.get(f"{PROMETHEUS}/-/ready", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def _asked(path: str) -> Any:
    return httpx.get(f"{PROMETHEUS}/api/v1/{path}", timeout=30).json()["data"]


def _tracks(query: str) -> set[str]:
    return {each["metric"].get("track", "") for each in _asked(f"query?query={urllib.parse.quote(query)}")["result"]}


def _alerts(namespace: str) -> set[str]:
    groups = [group for group in _asked("rules?type=alert")["groups"] if group["file"].find(f"{namespace}-") >= 0]
    return {rule["name"] for group in groups for rule in group["rules"]}
