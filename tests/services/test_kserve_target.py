"""The KServe target's verbs against a namespace in memory; on a real API server they are in tests/e2e."""

from pathlib import Path

import pytest

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.base import Busy
from services.rollout.kserve.target import KServeTarget
from tests.services.kserve_memory import Rendering
from tests.services.two_programs import FIRST, LOAD, SECOND, TwoPrograms


class Stand(TwoPrograms):
    """Both with what the chart renders, in memory."""

    def __init__(self, folder: Path) -> None:
        site = folder / "site.yaml"
        site.write_text("{}")
        super().__init__(Settings(home=folder, namespace="models", helm_values=site))
        self.target, self.other = (KServeTarget(self.settings, self.memory, Rendering()) for _ in range(2))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_deploy__is_ready_and_again_changes_nothing(stand: Stand) -> None:
    stand.deployed(FIRST)
    before = stand.target.status(LOAD)

    assert stand.other.deploy(FIRST, timeout=5) == before
    assert stand.tracks() == {"stable": ("1", 100, True)}
    assert before.differs == ()
    assert before.revision == 1


def test_deploy__is_refused_for_what_the_pointer_does_not_want(stand: Stand) -> None:
    stand.point_at(SECOND)

    with pytest.raises(RolloutError, match="the pointer of load wants bundle 2222"):
        stand.target.deploy(FIRST, timeout=5)
    assert stand.target.status(LOAD).tracks == ()


def test_deploy__of_what_cannot_start_brings_back_the_release_before(stand: Stand) -> None:
    stand.deployed(FIRST)

    with pytest.raises(RolloutError, match=r"cannot be pulled.*release before it is back"):
        stand.target.deploy(FIRST.model_copy(update={"image": "evenkeel-nowhere:1"}), timeout=30)

    assert stand.tracks() == {"stable": ("1", 100, True)}
    assert stand.target.status(LOAD).differs == ()
    assert stand.target.history(LOAD)[0].what == "restored: deploy failed"


def test_stage__and_traffic_share_requests_out_and_take_them_back(stand: Stand) -> None:
    stand.deployed(FIRST)

    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.stage(SECOND, "shadow", timeout=5)
    assert stand.tracks() == {"stable": ("1", 100, True), "canary": ("2", 0, True), "shadow": ("2", None, True)}
    stand.target.traffic(LOAD, 20)
    stand.other.stage(SECOND, "canary", timeout=5)

    assert [each.weight for each in stand.target.status(LOAD).tracks[:2]] == [80, 20]
    assert [each.weight for each in stand.other.traffic(LOAD, 0).tracks[:2]] == [100, 0]


def test_stage__of_another_challenger_begins_without_requests(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.traffic(LOAD, 50)

    stand.target.stage(SECOND.model_copy(update={"version": "3", "bundle": "3" * 64}), "canary", timeout=5)

    assert stand.tracks()["canary"] == ("3", 0, True)


def test_stage__that_fails_leaves_stable_alone(stand: Stand) -> None:
    stand.deployed(FIRST)

    with pytest.raises(RolloutError, match="cannot be pulled"):
        stand.target.stage(SECOND.model_copy(update={"image": "evenkeel-nowhere:1"}), "canary", timeout=30)

    assert stand.tracks() == {"stable": ("1", 100, True)}


def test_stage__says_that_no_controller_looks(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.memory.asleep = True

    with pytest.raises(RolloutError, match="no KServe controller has looked at it"):
        stand.target.stage(SECOND, "canary", timeout=0.5)

    assert stand.tracks() == {"stable": ("1", 100, True)}


def test_traffic__is_refused_without_a_canary_that_is_ready(stand: Stand) -> None:
    stand.deployed(FIRST)

    with pytest.raises(RolloutError, match="there is none"):
        stand.target.traffic(LOAD, 10)
    assert stand.target.traffic(LOAD, 0).ready


def test_promote__puts_the_canary_in_front_and_again_changes_nothing(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.traffic(LOAD, 50)
    with pytest.raises(RolloutError, match="promote the version first"):
        stand.target.promote(LOAD, timeout=5)
    stand.point_at(SECOND)

    promoted = stand.target.promote(LOAD, timeout=5)

    assert stand.tracks() == {"stable": ("2", 100, True)}
    assert stand.other.promote(LOAD, timeout=5) == promoted
    assert stand.target.history(LOAD)[0].what == "promote"


def test_promote__keeps_the_canarys_share_until_stable_is_as_new(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.traffic(LOAD, 50)
    stand.point_at(SECOND)
    stand.memory.writes.clear()

    stand.target.promote(LOAD, timeout=5)

    told = [each for each in stand.memory.writes if "leases" not in each]
    stable = told.index("PATCH inferenceservices/load")
    route = max(number for number, each in enumerate(told) if each == "PATCH httproutes/load")
    assert stable < route < told.index("DELETE inferenceservices/load-canary")


def test_withdraw__takes_the_requests_first_without_the_lock(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "canary", timeout=5)
    stand.target.traffic(LOAD, 50)

    with stand.target.lock(LOAD), pytest.raises(Busy):
        stand.other.withdraw(LOAD, timeout=5)
    assert stand.tracks()["canary"][1] == 0

    assert [each.track for each in stand.other.withdraw(LOAD, timeout=5).tracks] == ["stable"]
    assert stand.target.withdraw(LOAD, timeout=5).ready


def test_rollback__returns_to_the_release_before_once(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.deployed(SECOND)
    stand.point_at(FIRST)

    back = stand.target.rollback(LOAD, timeout=5)

    assert stand.other.rollback(LOAD, timeout=5) == back
    assert [(each.version, each.image) for each in back.tracks] == [("1", FIRST.image)]
    assert [each.version for each in stand.target.history(LOAD)] == ["1", "2"]


def test_status__tells_what_somebody_changed_or_deleted(stand: Stand) -> None:
    stand.deployed(FIRST)
    path = stand.memory.path("inferenceservices", LOAD, "serving.kserve.io/v1beta1")
    changed = {"metadata": {}, "spec": {"predictor": {"minReplicas": 3}}}
    stand.memory.call("PATCH", path, body=changed, content="application/merge-patch+json")

    (told,) = stand.target.status(LOAD).differs
    assert "minReplicas is 3, the release says 1" in told
    stand.memory.call("DELETE", path)
    (told,) = stand.target.status(LOAD).differs
    assert "is gone" in told
    assert stand.target.deploy(FIRST, timeout=5).differs == ()

    stand.point_at(SECOND)
    (told,) = stand.target.status(LOAD).differs
    assert "the pointer wants 2222" in told


def test_status__tells_what_stands_beside_the_pods_and_was_deleted_or_edited(stand: Stand) -> None:
    stand.deployed(FIRST)
    policy = stand.memory.path("networkpolicies", LOAD, "networking.k8s.io/v1")
    stand.memory.objects[policy]["spec"]["policyTypes"] = ["Egress"]

    assert stand.target.status(LOAD).differs == ("NetworkPolicy load: spec.policyTypes[0] is Egress, the release says Ingress",)
    stand.memory.call("DELETE", policy)
    assert stand.target.status(LOAD).differs == ("NetworkPolicy load of the release is gone",)
    assert stand.target.deploy(FIRST, timeout=5).differs == ()


def test_deploy__takes_out_what_somebody_added_to_the_container(stand: Stand) -> None:
    stand.deployed(FIRST)
    service = stand.memory.objects[stand.memory.path("inferenceservices", LOAD, "serving.kserve.io/v1beta1")]
    service["spec"]["predictor"]["containers"][0]["env"] += [{"name": "EVENKEEL_PIN", "value": SECOND.bundle}]

    (told,) = stand.target.status(LOAD).differs
    stand.memory.writes.clear()
    stand.target.deploy(FIRST, timeout=5)

    assert told.endswith("containers[kserve-container].env[EVENKEEL_PIN] is not of the release")
    assert [each for each in stand.memory.writes if each == "PATCH inferenceservices/load"] == [
        "PATCH inferenceservices/load"
    ] * 2
    assert stand.target.status(LOAD).differs == ()


def test_stop__leaves_nothing_and_nothing_is_fine(stand: Stand) -> None:
    stand.deployed(FIRST)
    stand.target.stage(SECOND, "shadow", timeout=5)

    stand.target.stop(LOAD)
    stand.target.stop(LOAD)

    assert {path.split("/models/")[-1].split("/")[0] for path in stand.memory.objects} == {"leases"}
