"""The Helm target's verbs on a cluster, by the command line, killed at each step: done again, they end the same."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.rollout.helm import history
from tests.e2e.cluster import Cluster, until
from tests.e2e.helm_site import settings_with, site_values
from tests.e2e.installed import USECASE
from tests.rollout_cases import Stand

# Pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
RELEASE = USECASE.replace("_", "-")
TIMEOUT = 300.0  # of verbs that succeed; what fails is said long before


@pytest.fixture(scope="module")
def stand(helm_stand: Stand) -> Stand:
    return helm_stand


@pytest.mark.parametrize(
    "moment", ["the lock is held", "the release is pending", "the new Deployment is there", "the new revision is deployed"]
)
def test_deploy__killed_at_any_step_and_done_again_ends_the_same(
    stand: Stand, cluster: Cluster, tmp_path: Path, moment: str
) -> None:
    stand.deployed(stand.first)
    revision = stand.target.status(USECASE).revision
    stand.point_at(stand.second)

    def arrived() -> bool:
        if moment == "the lock is held":
            found = cluster.kubectl("get", "lease", f"evenkeel-rollout-{RELEASE}", "-o", "jsonpath={.spec.holderIdentity}")
            return bool(found)
        if moment == "the new Deployment is there":
            return str(stand.second.image) in cluster.kubectl("get", "deployment", RELEASE, "-o", "yaml")
        status = stand.target.status(USECASE)
        return "pending" in status.reason if moment == "the release is pending" else status.revision != revision

    settings = settings_with(stand.place.settings, cluster, tmp_path, site_values(cluster))
    command = [sys.executable, "-m", "services.rollout", "deploy", "--usecase", USECASE]
    chosen = ["--version", "2", "--image", str(stand.second.image)]
    running = subprocess.Popen([*command, *chosen], env=cluster.environment | settings.environment(), stdout=subprocess.DEVNULL)
    until(arrived, moment)
    running.kill()
    running.wait()

    stand.target.deploy(stand.second, timeout=TIMEOUT)

    found = stand.target.status(USECASE)
    assert [(each.track, each.version, each.image, each.ready) for each in found.tracks] == [
        ("stable", "2", stand.second.image, True)
    ]
    assert (found.differs, found.reason) == ((), "")
    assert stand.model().bundle == stand.second.bundle


VERBS: dict[str, tuple[list[str], Callable[[Stand], object]]] = {
    "stage": (["stage", "--version", "2", "--image"], lambda stand: stand.staged(stand.second)),
    "traffic": (["traffic", "20"], lambda stand: stand.target.traffic(USECASE, 20)),
    "promote": (["promote"], lambda stand: stand.target.promote(USECASE, timeout=TIMEOUT)),
    "rollback": (["rollback"], lambda stand: stand.target.rollback(USECASE, timeout=TIMEOUT)),
}
ENDS = {
    "stage": [("stable", "1", 100), ("canary", "2", 0)],
    "traffic": [("stable", "1", 80), ("canary", "2", 20)],
    "promote": [("stable", "2", 100)],
    "rollback": [("stable", "1", 100)],
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("moment", ["the lock is held", "the release changes"])
def test_verb__killed_and_done_again_ends_the_same(
    stand: Stand, cluster: Cluster, tmp_path: Path, verb: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.deployed(stand.first)
    if verb in ("traffic", "promote"):
        stand.staged(stand.second)
    if verb == "rollback":
        stand.deployed(stand.second)
    stand.point_at(stand.second if verb == "promote" else stand.first)
    newest = stand.target.history(USECASE)[0].revision
    arguments, do = VERBS[verb]

    def arrived() -> bool:
        if moment == "the lock is held":
            return bool(cluster.kubectl("get", "lease", f"evenkeel-rollout-{RELEASE}", "-o", "jsonpath={.spec.holderIdentity}"))
        return stand.target.history(USECASE)[0].revision != newest

    settings = settings_with(stand.place.settings, cluster, tmp_path, site_values(cluster))
    command = [sys.executable, "-m", "services.rollout", *arguments, *([str(stand.second.image)] if verb == "stage" else [])]
    environment = cluster.environment | settings.environment()
    running = subprocess.Popen([*command, "--usecase", USECASE], env=environment, stdout=subprocess.DEVNULL)
    until(arrived, moment)
    running.kill()
    running.wait()
    monkeypatch.setattr(history, "PENDING_SECONDS", 0.0)

    do(stand)

    found = stand.target.status(USECASE)
    assert [(each.track, each.version, each.weight) for each in found.tracks] == ENDS[verb]
    assert all(each.ready for each in found.tracks)
    assert (found.differs, found.reason) == ((), "")
    stand.target.withdraw(USECASE, timeout=TIMEOUT)
