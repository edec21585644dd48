"""What breaks around the service: pods, the node's agent, the API server, the database; serving goes on, nothing is lost.

Those of kubelet and API server run only where E2E_FAULTS says that the cluster is nobody else's. What each of them
did is told to the README's table (tests/e2e/figures.py).
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from model_code.pointer import Pointers
from model_code.sql import engine
from tests.e2e.cluster import Cluster, until
from tests.e2e.figures import tell
from tests.e2e.installed import USECASE, Installed
from tests.e2e.load import Load

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
ALONE = "E2E_FAULTS"
# In a pod that sees the node's processes: everything of the victim's pod whose cgroup bears its uid.
KILL = """
import os, signal, sys
uid, killed = sys.argv[1], []
for each in filter(str.isdigit, os.listdir('/proc')):
    try:
        of_pod = uid in open(f'/proc/{each}/cgroup').read().replace('_', '-')
        if of_pod and b'services' in open(f'/proc/{each}/cmdline', 'rb').read():
            os.kill(int(each), signal.SIGKILL)
            killed.append(each)
    except (FileNotFoundError, ProcessLookupError):
        continue
sys.exit(not killed)
"""


@pytest.fixture
def service(installed: Installed) -> Installed:
    """The first image with the first bundle, every replica ready."""
    first, second = (release.bundle for release in installed.releases)
    installed.place.pointers.move(USECASE, first, second)
    installed.cluster.rolled_out(installed.name)
    until(lambda: all(installed.model_of(pod)["bundle"] == first for pod in installed.pods()), "the first bundle")
    return installed


@pytest.fixture
def steady(service: Installed) -> Iterator[Installed]:
    """The same, its ingress asking by the Service's address: connections that stand outlive readiness that lies (docs/chart.md)."""
    service.annotations = {"traefik.ingress.kubernetes.io/service.nativelb": "true"}
    service.upgrade(0)
    try:
        yield service
    finally:
        service.annotations = {}
        service.upgrade(0)


@pytest.fixture
def parts(installed: Installed) -> Iterator["Parts"]:
    """Processes of the cluster to stop; all of them run again afterwards."""
    if not os.environ.get(ALONE):
        pytest.skip(f"no cluster: none of our own to break ({ALONE}=yes says that it is)")
    if installed.cluster.folder is None:
        pytest.skip("no cluster: none whose processes can be stopped from here (that of TEST_SHARED)")
    found = Parts(installed.cluster, installed.cluster.folder)
    try:
        yield found
    finally:
        found.mend()


class Parts:
    """Kills and freezes processes of the cluster, by the commands that came with it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._frozen: list[str] = []

    def kill(self, part: str) -> None:
        self._run("stop", part)

    def hang(self, part: str) -> None:
        self._frozen.append(part)
        self._run("stop", "--hang", part)

    def mend(self) -> None:
        """Thaw what hangs, start what is missing, wait until the API answers."""
        for part in self._frozen:
            self._run("stop", "--wake", part)
        self._frozen.clear()
        self._run("up", "--monitoring")
        until(self._cluster.answers, "the API server")

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run([self._folder / command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def lost(case: str, service: Installed, load: Load, seconds: float = 90, **figures: Any) -> set[str]:
    """Which acknowledged predictions are not in PostgreSQL, perhaps a little later; told with the case's other figures."""
    asked, ends = set(load.answered), time.monotonic() + seconds
    while (left := asked - service.stored(asked)) and time.monotonic() < ends:
        time.sleep(0.2)
    tell("faults", case, answered=len(asked), failed=len(load.failed), lost=len(left), **figures)
    return left


def asking(load: Load, more: int = 20) -> None:
    """Wait for so many more answers."""
    wanted = len(load.answered) + more
    until(lambda: len(load.answered) >= wanted, "answers", seconds=60)


def test_pod__that_is_deleted_fails_no_request(service: Installed) -> None:
    with Load(service.ask) as load:
        asking(load)
        gone = service.pods()[0]
        service.cluster.kubectl("delete", "pod", gone, "--wait=true", "--timeout=120s")
        service.cluster.rolled_out(service.name)
        asking(load)

    assert lost("deleted", service, load) == set()
    assert load.failed == []
    assert gone not in service.pods()


@pytest.mark.full
def test_pod__whose_processes_are_killed_comes_back_and_keeps_its_predictions(service: Installed) -> None:
    victim = service.pods()[0]
    with Load(service.ask, pause=0.01) as load:
        asking(load, 50)
        before = _restarts(service, victim)
        _kill(service, victim)
        until(lambda: _restarts(service, victim) > before, "a restart", seconds=60)
        service.cluster.rolled_out(service.name)
        asking(load)

    # What was in work in that very moment cannot be answered; the rest is, by the other pod.
    print(f"kill -9 within a pod: {len(load.answered)} answered, {len(load.failed)} failed")
    assert lost("killed", service, load) == set()
    assert len(load.failed) <= 0.05 * len(load.answered), load.failed[:5]


@pytest.mark.full
def test_kubelet__restarted_changes_nothing(steady: Installed, parts: Parts) -> None:
    before = set(steady.pods())
    with Load(steady.ask) as load:
        asking(load)
        parts.kill("kubelet")
        asking(load, 200)
        assert load.failed == []  # while it is away
        parts.mend()
        asking(load)

    assert lost("kubelet", steady, load) == set()
    assert load.failed == []
    steady.cluster.rolled_out(steady.name)
    assert set(steady.pods()) == before


@pytest.mark.full
def test_api_server__that_hangs_stops_no_answer_and_no_change_of_the_model(steady: Installed, parts: Parts) -> None:
    hung = float(os.environ.get("E2E_HANG_SECONDS", "60"))
    second = steady.releases[1].bundle
    with _pointers_beside_the_api(steady) as pointers, Load(steady.ask) as load:
        asking(load)
        parts.hang("kube-apiserver")
        began = time.monotonic()
        asking(load, 50)
        pointers.move(USECASE, second, steady.releases[0].bundle)
        until(lambda: second in load.bundles(), "an answer by the other bundle", seconds=30)
        until(lambda: time.monotonic() - began > hung, "the end of the hang", seconds=hung + 30)
        assert load.failed == []  # while it is away
        parts.mend()
        asking(load)

    assert lost("hung", steady, load, seconds=90, hung=hung) == set()
    assert load.failed == []
    steady.cluster.rolled_out(steady.name)


@contextmanager
def _pointers_beside_the_api(service: Installed) -> Iterator[Pointers]:
    """The pointers by PostgreSQL's own address: a forwarded port goes through the API server."""
    address = service.cluster.kubectl("get", "pod", "postgresql", "-o", "jsonpath={.status.podIP}")
    sql = engine(service.place.sql.url.set(host=address, port=5432).render_as_string(hide_password=False))
    yield Pointers(sql)
    sql.dispose()


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_database__down_for_long_loses_no_acknowledged_prediction(service: Installed) -> None:
    down = float(os.environ.get("E2E_DOWN_SECONDS", "600"))
    with Load(service.ask, pause=0.2) as load:
        asking(load)
        until(lambda: service.stored(set(load.answered)) >= set(list(load.answered)[:20]), "the first ones in the store")
        service.reach_store(False)
        began = time.monotonic()
        try:
            until(lambda: time.monotonic() - began > down, "the end of the outage", seconds=down + 60)
            assert len(load.answered) > down  # a few a second: serving went on
        finally:
            service.reach_store(True)
        asking(load)

    print(f"PostgreSQL down for {down:.0f} s: {len(load.answered)} answered, {len(load.failed)} failed")
    assert lost("database", service, load, seconds=300, away=down) == set()
    assert load.failed == []


def _kill(service: Installed, victim: str) -> None:
    """`kill -9` of a pod's processes from the node: from within, none can end a container's first process."""
    uid = next(pod["metadata"]["uid"] for pod in service.cluster.pods(service.name) if pod["metadata"]["name"] == victim)
    node = Cluster(service.cluster.folder, f"{service.cluster.namespace}-node")
    node.delete()
    node.kubectl("create", "namespace", node.namespace, namespaced=False)
    try:
        root = {"runAsUser": 0}
        killer = {
            "name": "killer",
            "image": service.images[0].name,
            "command": ["python", "-c", KILL, uid],
            "securityContext": root,
        }
        spec = {"hostPID": True, "restartPolicy": "Never", "containers": [killer]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "killer"}, "spec": spec}
        node.kubectl("apply", "-f", "-", given=json.dumps(pod))
        node.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/killer", "--timeout=60s")
    finally:
        node.delete()


def _restarts(service: Installed, name: str) -> int:
    found = [pod for pod in service.cluster.pods(service.name) if pod["metadata"]["name"] == name]
    return sum(each["restartCount"] for pod in found for each in pod["status"].get("containerStatuses", []))
