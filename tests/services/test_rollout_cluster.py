"""The way to a cluster: a lock that every machine sees, and what is said where the cluster is not there or refuses."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.base import Busy, Wanted
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.lease import Lease
from services.rollout.helm.program import Helm
from services.rollout.helm.target import HelmTarget
from tests.chart.conftest import program
from tests.kubernetes_api import NAMESPACE, api_server, kubeconfig


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with api_server() as url:
        yield url


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    return program("helm", "helm.zst", tmp_path_factory.mktemp("helm"))


@pytest.fixture
def cluster(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, address)))
    return Cluster(NAMESPACE)


def holder_of(cluster: Cluster, name: str) -> str | None:
    found = cluster.get(cluster.path("leases", name, "coordination.k8s.io/v1"))
    assert found is not None
    holder: str | None = found["spec"]["holderIdentity"]
    return holder


def test_lease__that_is_renewed_is_refused_to_others_and_free_afterwards(cluster: Cluster) -> None:
    first, second = (Lease(cluster, "renewed", seconds=60, renew=0.1) for _ in range(2))
    first.acquire()

    with pytest.raises(Busy, match=f"{first.holder} holds renewed"):
        second.acquire()
    first.check()
    first.release()
    second.acquire()

    assert holder_of(cluster, "renewed") == second.holder
    second.release()
    assert holder_of(cluster, "renewed") is None


def test_lease__of_a_holder_that_is_gone_is_taken_over_when_it_expires(cluster: Cluster) -> None:
    gone = Lease(cluster, "gone", seconds=2, renew=3600.0)  # never renewed: its program was killed
    gone.acquire()
    other = Lease(cluster, "gone", seconds=2, renew=0.1)
    began = time.monotonic()

    other.acquire()

    assert time.monotonic() - began >= 2
    assert holder_of(cluster, "gone") == other.holder
    with pytest.raises(RolloutError, match="lost"):
        gone.check()
    gone.release()
    assert holder_of(cluster, "gone") == other.holder
    other.release()


def test_lease__taken_over_is_told_at_the_next_renewal(cluster: Cluster) -> None:
    mine = Lease(cluster, "taken", seconds=3600, renew=0.05)
    mine.acquire()
    path = cluster.path("leases", "taken", "coordination.k8s.io/v1")

    def take() -> bool:
        found = cluster.get(path)
        assert found is not None
        found["spec"]["holderIdentity"] = "somebody"
        try:
            cluster.call("PUT", path, body=found)
        except RolloutError:  # a renewal came between
            return False
        return True

    while not take():
        pass
    with pytest.raises(RolloutError, match="somebody holds it"):  # noqa: PT012
        while True:
            mine.check()
            time.sleep(0.01)


def test_lease__two_that_begin_at_once_are_one(cluster: Cluster) -> None:
    leases = [Lease(cluster, "race", seconds=60, renew=0.05) for _ in range(4)]
    refused: list[Lease] = []
    start = threading.Barrier(len(leases))

    def begin(lease: Lease) -> None:
        start.wait()
        try:
            lease.acquire()
        except Busy:
            refused.append(lease)

    threads = [threading.Thread(target=begin, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    held = [lease for lease in leases if lease not in refused]
    assert len(held) == 1
    assert holder_of(cluster, "race") == held[0].holder
    held[0].release()


def test_cluster__namespace_that_is_not_there_is_said_with_what_makes_it(cluster: Cluster) -> None:
    with pytest.raises(
        RolloutError, match=r'namespaces "absent" not found \(make the namespace first: kubectl create namespace absent'
    ):
        Lease(Cluster("absent"), "any").acquire()


def test_cluster__credentials_that_are_not_known_are_said(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, address, token="expired")))

    with pytest.raises(RolloutError, match="does not know these credentials.*log in again"):  # noqa: RUF043
        Cluster(NAMESPACE).get("/api/v1/namespaces/here/pods/any")


def test_cluster__that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, "http://127.0.0.1:9")))

    with pytest.raises(RolloutError, match=r"no cluster answers at http://127\.0\.0\.1:9.*KUBECONFIG"):
        Cluster(NAMESPACE).items("/api/v1/namespaces/here/pods")


def test_cluster__without_a_configuration_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))

    with pytest.raises(RolloutError, match=r"no cluster is configured.*KUBECONFIG"):
        Cluster(NAMESPACE).get("/api/v1/namespaces/here/pods/any")


def test_helm__that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(RolloutError, match="helm is not installed"):
        Helm(NAMESPACE).history("any")


def test_helm__credentials_that_expired_are_said(
    address: str, helm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(helm).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, address, token="expired")))

    with pytest.raises(RolloutError, match=r"helm history: .*\(the cluster does not know these credentials: log in again"):
        Helm(NAMESPACE).history("any")


def test_deploy__of_what_nobody_promoted_asks_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    target = HelmTarget(Settings(home=tmp_path))

    with pytest.raises(RolloutError, match="no bundle of demand_us is promoted"):
        target.deploy(Wanted(usecase="demand_us", version="1", bundle="0" * 64))
