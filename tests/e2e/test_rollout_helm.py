"""The Helm target on a cluster: the suite of every target, and what goes wrong there; the model before goes on answering."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_code.errors import RolloutError
from services.rollout.helm import history
from services.rollout.helm.target import HelmTarget
from tests.e2e.cluster import Cluster, until
from tests.e2e.helm_site import settings_with, site_values
from tests.e2e.installed import USECASE
from tests.rollout_cases import RolloutCases, Stand

# Pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
RELEASE = USECASE.replace("_", "-")
SERVICE = "spec.template.spec.containers[service]"
TIMEOUT = 300.0  # of verbs that succeed; what fails is said long before


@pytest.fixture(scope="module")
def stand(helm_stand: Stand) -> Stand:
    return helm_stand


@pytest.fixture
def other(stand: Stand, cluster: Cluster, tmp_path: Path) -> Callable[[dict[str, Any]], HelmTarget]:
    """The target of an operator who set something else."""

    def changed(values: dict[str, Any]) -> HelmTarget:
        return HelmTarget(settings_with(stand.place.settings, cluster, tmp_path, site_values(cluster) | values))

    return changed


class TestHelm(RolloutCases):
    pass


def holds(stand: Stand) -> None:
    """The first release answers, and nothing is left of what was tried."""
    found = stand.target.status(USECASE)
    assert [(each.track, each.version, each.ready) for each in found.tracks] == [("stable", "1", True)]
    assert (found.differs, found.reason) == ((), "")
    assert stand.model().bundle == stand.first.bundle


def all_pods(cluster: Cluster) -> list[dict[str, Any]]:
    """Of the whole namespace, those that are about to end too."""
    return list(json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"])


def test_deploy__image_that_cannot_be_pulled_is_said_and_taken_back(stand: Stand) -> None:
    stand.deployed(stand.first)

    with pytest.raises(RolloutError, match=r"image evenkeel-none:1 cannot be pulled.*answers as before"):
        stand.target.deploy(stand.first.model_copy(update={"image": "evenkeel-none:1"}), timeout=TIMEOUT)

    holds(stand)


def test_deploy__missing_secret_is_named(stand: Stand, other: Callable[[dict[str, Any]], HelmTarget]) -> None:
    stand.deployed(stand.first)

    with pytest.raises(RolloutError, match=r'secret "absent" not found.*make the secret absent'):
        other({"keys": {"secret": "absent", "key": "keys"}}).deploy(stand.first, timeout=TIMEOUT)

    holds(stand)


def test_stage__quota_that_is_exceeded_is_said(stand: Stand, cluster: Cluster) -> None:
    stand.deployed(stand.first)
    cluster.kubectl("create", "quota", "full", "--hard=pods=1")
    until(lambda: json.loads(cluster.kubectl("get", "quota", "full", "-o", "json")).get("status"), "the quota")
    try:
        with pytest.raises(RolloutError, match=r"exceeded quota: full.*ResourceQuota"):
            stand.staged(stand.second)
    finally:
        cluster.kubectl("delete", "quota", "full")

    holds(stand)


def test_deploy__waits_for_room_that_its_own_old_pods_give(
    stand: Stand, cluster: Cluster, other: Callable[[dict[str, Any]], HelmTarget]
) -> None:
    target = other({"replicas": 3})
    stand.point_at(stand.first)
    target.deploy(stand.first, timeout=TIMEOUT)
    until(lambda: all("deletionTimestamp" not in pod["metadata"] for pod in all_pods(cluster)), "the end of older pods")
    cluster.kubectl("create", "quota", "narrow", f"--hard=pods={len(all_pods(cluster)) + 1}")
    until(lambda: json.loads(cluster.kubectl("get", "quota", "narrow", "-o", "json")).get("status"), "the quota")
    try:
        stand.point_at(stand.second)
        found = target.deploy(stand.second, timeout=TIMEOUT)
    finally:
        cluster.kubectl("delete", "quota", "narrow")

    assert [(each.track, each.version, each.ready_replicas) for each in found.tracks] == [("stable", "2", 3)]
    stand.deployed(stand.first)
    holds(stand)


def test_deploy__gpu_where_none_is_free_is_said(stand: Stand, other: Callable[[dict[str, Any]], HelmTarget]) -> None:
    stand.deployed(stand.first)

    with pytest.raises(RolloutError, match=r"no node can take a pod.*(GPU|node has the labels)"):
        other({"profile": "gpu", "gpu": {"count": 64}}).deploy(stand.first, timeout=TIMEOUT)

    holds(stand)


def test_deploy__database_out_of_reach_is_said(stand: Stand, other: Callable[[dict[str, Any]], HelmTarget]) -> None:
    stand.deployed(stand.first)
    walled = {"networkPolicy": {"egress": []}, "podAnnotations": {"walled": "yes"}}

    with pytest.raises(RolloutError, match=r"it says: SQL store .*timeout.*let through to.*answers as before"):
        other(walled).deploy(stand.first, timeout=40.0)

    holds(stand)


def test_deploy__misspelt_value_of_the_operator_is_refused_before_anything_changes(
    stand: Stand, other: Callable[[dict[str, Any]], HelmTarget]
) -> None:
    stand.deployed(stand.first)
    before = stand.target.history(USECASE)

    with pytest.raises(RolloutError, match="replicaz"):
        other({"replicaz": 3}).deploy(stand.first, timeout=TIMEOUT)

    assert stand.target.history(USECASE) == before
    holds(stand)


def test_status__tells_what_an_operator_changed_by_hand_and_deploy_puts_it_right(stand: Stand, cluster: Cluster) -> None:
    stand.deployed(stand.first)
    stand.staged(stand.second)
    cluster.kubectl("set", "image", f"deployment/{RELEASE}-canary", f"service={stand.first.image}")
    cluster.kubectl("scale", f"deployment/{RELEASE}", "--replicas=0")
    weights = [{"op": "replace", "path": f"/spec/rules/0/backendRefs/{n}/weight", "value": 50} for n in range(2)]
    cluster.kubectl("patch", f"httproute/{RELEASE}", "--type=json", "-p", json.dumps(weights))

    told = "\n".join(stand.target.status(USECASE).differs)

    assert f"Deployment {RELEASE}-canary: {SERVICE}.image is {stand.first.image}, the release says {stand.second.image}" in told
    assert f"Deployment {RELEASE}: spec.replicas is 0, the release says 1" in told
    assert f"HTTPRoute {RELEASE}: spec.rules[0].backendRefs[{RELEASE}-canary].weight is 50, the release says 0" in told
    stand.target.deploy(stand.first, timeout=TIMEOUT)
    assert stand.target.status(USECASE).differs == ()


def test_deploy__brings_back_what_an_operator_deleted_edited_or_added(
    stand: Stand, cluster: Cluster, other: Callable[[dict[str, Any]], HelmTarget]
) -> None:
    target = other({"disruption": {"enabled": True}, "autoscaling": {"enabled": True, "min": 1, "max": 2}})
    stand.point_at(stand.first)
    target.withdraw(USECASE, timeout=TIMEOUT)
    assert target.deploy(stand.first, timeout=TIMEOUT).differs == ()
    deleted = ("networkpolicy", "service", "poddisruptionbudget", "horizontalpodautoscaler")
    cluster.kubectl("delete", *(f"{kind}/{RELEASE}" for kind in deleted))
    cluster.kubectl("set", "resources", f"deployment/{RELEASE}", "--limits=memory=1100Mi,cpu=3")
    cluster.kubectl("set", "env", f"deployment/{RELEASE}", "EVENKEEL_KEEP=store", "EVENKEEL_LOG_FORMAT=json")

    told = target.status(USECASE).differs
    restored = target.deploy(stand.first, timeout=TIMEOUT)

    gone = ("NetworkPolicy", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler")
    assert {f"{kind} {RELEASE} of the release is gone" for kind in gone} < set(told), told
    edited = "\n".join(told)
    assert f"Deployment {RELEASE}: {SERVICE}.resources.limits.memory is 1100Mi, the release says " in edited
    assert f"Deployment {RELEASE}: {SERVICE}.resources.limits.cpu is not of the release" in edited
    assert f"Deployment {RELEASE}: {SERVICE}.env[EVENKEEL_KEEP].value is store, the release says spool" in edited
    assert f"Deployment {RELEASE}: {SERVICE}.env[EVENKEEL_LOG_FORMAT] is not of the release" in edited
    assert (restored.differs, restored.ready) == ((), True)
    assert "EVENKEEL_LOG_FORMAT" not in cluster.kubectl("get", "deployment", RELEASE, "-o", "yaml", "--show-managed-fields=false")
    for kind in deleted:
        cluster.kubectl("get", f"{kind}/{RELEASE}")
    stand.deployed(stand.first)
    holds(stand)


def test_deploy__release_whose_helm_was_killed_is_brought_back_first(
    stand: Stand, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.deployed(stand.first)
    values = cluster.helm("get", "values", RELEASE, "-o", "json")
    chart = str(Path(__file__).parents[2] / "helm" / "model-service")
    command = ["helm", "-n", cluster.namespace, "upgrade", RELEASE, chart, "--wait", "--values", "-", "--set", "image.tag=absent"]
    killed = subprocess.Popen(command, env=cluster.environment, stdin=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL)
    assert killed.stdin is not None
    with killed.stdin as given:
        given.write(values)
    until(lambda: "pending-upgrade" in stand.target.status(USECASE).reason, "a pending release")
    until(lambda: "absent" in cluster.kubectl("get", "deployment", RELEASE, "-o", "yaml"), "the image in the Deployment")
    killed.kill()
    killed.wait()
    monkeypatch.setattr(history, "PENDING_SECONDS", 0.0)

    assert stand.target.deploy(stand.first, timeout=TIMEOUT).ready

    holds(stand)


def test_withdraw__takes_requests_from_the_canary_while_another_rollout_goes_on(stand: Stand, cluster: Cluster) -> None:
    stand.deployed(stand.first)
    stand.staged(stand.second)
    stand.target.traffic(USECASE, 20)
    other = stand.open()

    with stand.target.lock(USECASE):
        found = other.traffic(USECASE, 0)

    assert [each.weight for each in found.tracks] == [100, 0]
    stand.target.withdraw(USECASE, timeout=TIMEOUT)
    holds(stand)


def test_deploy__namespace_that_is_not_there_is_named(stand: Stand) -> None:
    settings = stand.place.settings.model_copy(update={"namespace": f"{stand.place.settings.namespace}-absent"})

    with pytest.raises(RolloutError, match=r"namespaces .*-absent. not found.*kubectl create namespace"):
        HelmTarget(settings).deploy(stand.first, timeout=TIMEOUT)
