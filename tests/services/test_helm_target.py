"""The Helm target's verbs against releases in memory; on a real cluster they are in tests/e2e."""

from pathlib import Path
from typing import Any

import pytest

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.base import Busy
from services.rollout.helm.target import HelmTarget
from tests.services.helm_memory import Releases
from tests.services.two_programs import FIRST, LOAD, SECOND, TwoPrograms

NOWHERE = "evenkeel-nowhere:1"


class Stand(TwoPrograms):
    """Both with releases in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Settings(home=folder, namespace="models"))
        self.releases = Releases(self.memory)
        self.target, self.other = (HelmTarget(self.settings, self.memory, self.releases) for _ in range(2))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_deploy__is_ready_and_again_makes_no_revision(stand: Stand) -> None:
    stand.deployed(FIRST)
    before = stand.target.status(LOAD)

    assert stand.other.deploy(FIRST, timeout=5) == before
    assert stand.tracks() == {"stable": ("1", 100, True)}
    assert (before.differs, before.revision, before.reason) == ((), 1, "")


def test_deploy__without_an_image_needs_one_that_runs(stand: Stand) -> None:
    stand.point_at(FIRST)

    with pytest.raises(RolloutError, match="no image of load runs in namespace models yet"):
        stand.target.deploy(FIRST.model_copy(update={"image": None}), timeout=5)
    assert stand.target.status(LOAD).tracks == ()


def test_deploy__of_what_cannot_start_brings_back_the_revision_that_held(stand: Stand) -> None:
    stand.deployed(FIRST)

    with pytest.raises(RolloutError, match=r"cannot be pulled.*back at revision 1"):
        stand.target.deploy(FIRST.model_copy(update={"image": NOWHERE}), timeout=30)

    assert stand.tracks() == {"stable": ("1", 100, True)}
    assert [each.state for each in stand.target.history(LOAD)] == ["deployed", "failed", "superseded"]


def test_deploy__of_a_first_one_that_cannot_start_leaves_nothing(stand: Stand) -> None:
    stand.point_at(FIRST)

    with pytest.raises(RolloutError, match=r"cannot be pulled.*nothing is deployed, as before"):
        stand.target.deploy(FIRST.model_copy(update={"image": NOWHERE}), timeout=30)
    assert stand.target.status(LOAD).tracks == ()


def test_deploy__after_a_kill_begins_from_the_revision_that_holds(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.releases.killed(LOAD, stand.releases.values(LOAD) | {"replicas": 9})
    assert "revision 2 is pending-upgrade" in stand.target.status(LOAD).reason

    stand.target.deploy(FIRST, timeout=5)

    assert [each.what for each in stand.target.history(LOAD)] == ["Rollback to 1", "deploy", "deploy"]
    assert stand.target.status(LOAD).reason == ""


def test_stage__and_traffic_share_requests_out_and_take_them_back(stand: Stand) -> None:
    stand.deployed(FIRST)

    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.stage(SECOND, "shadow", timeout=5)
    assert stand.tracks() == {"stable": ("1", 100, True), "canary": ("2", 0, True), "shadow": ("2", None, True)}
    stand.target.traffic(LOAD, 20)

    assert [each.weight for each in stand.target.status(LOAD).tracks[:2]] == [80, 20]
    assert [each.weight for each in stand.other.traffic(LOAD, 0).tracks[:2]] == [100, 0]
    assert stand.target.status(LOAD).differs == ()


def test_traffic__needs_a_canary_and_nought_needs_no_lock(stand: Stand) -> None:
    stand.deployed(FIRST)
    with pytest.raises(RolloutError, match="no canary to give 20 %"):
        stand.target.traffic(LOAD, 20)
    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.traffic(LOAD, 50)

    with stand.target.lock(LOAD):
        assert [each.weight for each in stand.other.traffic(LOAD, 0).tracks] == [100, 0]
        with pytest.raises(Busy):
            stand.other.traffic(LOAD, 10)


def test_promote__puts_the_canary_in_front_once(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "canary", timeout=5)
    with pytest.raises(RolloutError, match="promote the version first"):
        stand.target.promote(LOAD, timeout=5)
    stand.point_at(SECOND)

    promoted = stand.target.promote(LOAD, timeout=5)

    assert stand.tracks() == {"stable": ("2", 100, True)}
    assert stand.other.promote(LOAD, timeout=5) == promoted
    assert stand.target.history(LOAD)[0].what == "promote"


def test_withdraw__takes_the_requests_first_without_the_lock(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.traffic(LOAD, 50)

    with stand.target.lock(LOAD), pytest.raises(Busy):
        stand.other.withdraw(LOAD, timeout=5)
    assert stand.tracks()["canary"][1] == 0

    assert [each.track for each in stand.other.withdraw(LOAD, timeout=5).tracks] == ["stable"]
    assert stand.target.withdraw(LOAD, timeout=5).ready


def test_rollback__returns_to_the_revision_before_once(stand: Stand) -> None:
    stand.deployed(FIRST)
    with pytest.raises(RolloutError, match="load ran nothing else before"):
        stand.target.rollback(LOAD, timeout=5)
    stand.deployed(SECOND)
    stand.point_at(FIRST)

    back = stand.target.rollback(LOAD, timeout=5)

    assert stand.other.rollback(LOAD, timeout=5) == back
    assert [(each.version, each.image) for each in back.tracks] == [("1", FIRST.image)]
    assert [each.version for each in stand.target.history(LOAD)] == ["1", "2", "1"]


def test_rollback__of_what_was_never_deployed_says_what_to_do(stand: Stand) -> None:
    with pytest.raises(RolloutError, match="there is no release load in namespace models") as refused:
        stand.target.rollback(LOAD, timeout=5)

    assert "make deploy" in refused.value.hint


def test_rollback__looks_at_the_history_once_before_it_acts(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.deployed(SECOND)
    stand.point_at(FIRST)
    looked: list[int] = []
    stand.releases.looks, stand.releases.before = 0, lambda: looked.append(stand.releases.looks)

    stand.target.rollback(LOAD, timeout=5)

    assert looked == [1]


def test_rollback__that_was_killed_is_done_when_it_is_asked_for_again(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.deployed(SECOND)
    stand.point_at(FIRST)
    stand.releases.killed(LOAD, stand.releases.values(LOAD, 1), "Rollback to 1")

    back = stand.target.rollback(LOAD, timeout=5)

    assert [(each.version, each.image, each.ready) for each in back.tracks] == [("1", FIRST.image, True)]
    assert stand.other.rollback(LOAD, timeout=5) == back


def test_rollback__after_a_deploy_that_failed_returns_to_what_ran_before(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.deployed(SECOND)
    with pytest.raises(RolloutError, match="back at revision 2"):
        stand.target.deploy(SECOND.model_copy(update={"image": NOWHERE}), timeout=30)
    stand.point_at(FIRST)

    back = stand.target.rollback(LOAD, timeout=5)

    assert [(each.version, each.image) for each in back.tracks] == [("1", FIRST.image)]
    with pytest.raises(RolloutError, match="back at revision 5"):
        stand.target.deploy(FIRST.model_copy(update={"image": NOWHERE}), timeout=30)
    assert [each.version for each in stand.target.rollback(LOAD, timeout=5).tracks] == ["1"]


def container(stand: Stand) -> dict[str, Any]:
    """Of the stable Deployment, as it is in the cluster."""
    found = stand.memory.objects[stand.memory.path("deployments", LOAD, "apps/v1")]["spec"]["template"]["spec"]["containers"][0]
    assert isinstance(found, dict)
    return found


def test_status__tells_what_somebody_changed(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.memory.objects[stand.memory.path("deployments", LOAD, "apps/v1")]["spec"]["replicas"] = 3
    stand.point_at(SECOND)

    changed, pointed = stand.target.status(LOAD).differs

    assert changed == "Deployment load: spec.replicas is 3, the release says 1"
    assert "the pointer wants bundle 2222" in pointed


def test_deploy__brings_back_what_somebody_deleted_or_edited(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.memory.call("DELETE", stand.memory.path("networkpolicies", LOAD, "networking.k8s.io/v1"))
    container(stand)["resources"]["limits"]["memory"] = "64Mi"
    container(stand)["env"][0]["value"] = "direct"

    told = stand.target.status(LOAD).differs
    restored = stand.other.deploy(FIRST, timeout=5)

    service = "Deployment load: spec.template.spec.containers[service]"
    assert set(told) == {
        f"{service}.resources.limits.memory is 64Mi, the release says 1Gi",
        f"{service}.env[EVENKEEL_KEEP].value is direct, the release says spool",
        "NetworkPolicy load of the release is gone",
    }
    assert (restored.differs, restored.revision) == ((), 2)
    assert stand.other.deploy(FIRST, timeout=5).revision == 2


def test_deploy__takes_out_what_somebody_added_before_helm_applies(stand: Stand) -> None:
    stand.deployed(FIRST)
    container(stand)["env"] += [{"name": "EVENKEEL_PIN", "value": SECOND.bundle}]
    told = stand.target.status(LOAD).differs
    seen: list[list[str]] = []
    stand.releases.before = lambda: seen.append([each["name"] for each in container(stand)["env"]])

    stand.target.deploy(FIRST, timeout=5)

    assert told == ("Deployment load: spec.template.spec.containers[service].env[EVENKEEL_PIN] is not of the release",)
    assert seen == [["EVENKEEL_KEEP"]]
    assert stand.target.status(LOAD).differs == ()


def test_status__names_a_deployment_that_is_not_of_the_release(stand: Stand) -> None:
    stand.deployed(FIRST)
    there = stand.memory.objects[stand.memory.path("deployments", LOAD, "apps/v1")]
    stranger = there | {"metadata": there["metadata"] | {"name": "other"}}
    stand.memory.objects[stand.memory.path("deployments", "other", "apps/v1")] = stranger

    assert stand.target.status(LOAD).differs == ("Deployment other is not of this release",)


def test_stop__leaves_nothing_and_nothing_is_fine(stand: Stand) -> None:
    stand.deployed(FIRST)

    stand.target.stop(LOAD)
    stand.target.stop(LOAD)

    assert stand.target.status(LOAD).tracks == ()
    with pytest.raises(RolloutError, match="there is no release load in namespace models"):
        stand.target.stage(SECOND, "canary", timeout=5)
