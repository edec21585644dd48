"""The course of a rollout against real endpoints and stored truth; traffic and its metrics are pretended."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flows.approval import LATE
from flows.rollout_course import Course, Outcome, Request
from flows.rollout_record import Rollout, RolloutRecord
from model_code.errors import PromotionRefused, RolloutError
from model_code.installation import Installation
from model_code.rollout_evidence import ServingMetrics
from monitoring.consent import NOBODY, Answer, Ask, Proposal, unasked
from services.rollout.base import Busy
from tests.contenders import NAME, ORIGINS, PRESENT, RULES, VERSIONS, copy_of, ruled
from tests.contenders_served import Served
from tests.pretended_target import PretendedTarget
from tests.unit.rollout_cases import EMPTY, metrics

pytestmark = pytest.mark.xdist_group("contenders")
NO_TRAFFIC = metrics(0, stable=EMPTY)
USUAL = metrics().stable
ALL = ["stage canary", "traffic 5", "traffic 50", "promote"]


@dataclass
class Metrics:
    """Tells what it was given, one look after another; the last for ever."""

    given: Sequence[ServingMetrics | None] = (NO_TRAFFIC,)
    looks: list[float] = field(default_factory=list)

    def since(self, usecase: str, seconds: float) -> ServingMetrics | None:
        self.looks.append(seconds)
        return self.given[min(len(self.looks), len(self.given)) - 1]


@dataclass
class World:
    """One installation with a target."""

    place: Installation
    target: PretendedTarget
    metrics: Metrics | None = field(default_factory=Metrics)

    def roll(self, who: str, ask: Ask = unasked) -> Outcome:
        told = {"tell": lambda *_: None, "ask": ask, "poll_seconds": 0.05}
        course = Course(self.place, self.target, self.metrics, **told)  # type: ignore[arg-type]
        return course.run(Request(VERSIONS[who], "a test", "to see"), self.place.present(None))

    def champion(self) -> tuple[str | None, str]:
        pointer = self.place.pointers.get(NAME)
        assert pointer is not None
        return self.place.registry.version_of(NAME, "champion"), pointer.wanted

    def rollouts(self) -> list[Rollout]:
        return RolloutRecord(self.place.ledger, NAME, "a test").rollouts()


@pytest.fixture
def world(contenders: Served, tmp_path: Path) -> Iterator[World]:
    place = copy_of(contenders.place, tmp_path / "home")
    yield World(place, PretendedTarget(place.pointers, contenders.urls))
    place.sql.dispose()


def kept(world: World, contenders: Served) -> None:
    """The champion reigns, nobody meets anything else, and the ledger says so."""
    assert world.champion() == ("1", contenders.bundles["champion"])
    assert (world.target.staged, world.target.weight) == ({}, 0)
    assert [each.ended for each in world.rollouts()] == ["refused"]


def test_course__without_traffic_promotes_the_tenth_better(world: World, contenders: Served) -> None:
    outcome = world.roll("better")

    assert outcome.outcome == "promoted", outcome
    assert world.champion() == ("2", contenders.bundles["better"])
    assert world.target.asked == ALL
    (done,) = world.rollouts()
    assert (done.ended, list(done.passed)) == ("promoted", ["replay", "weight-5", "weight-50"])
    assert done.plan.unseen
    assert len(done.plan.origins) == ORIGINS
    assert outcome.entry is not None
    assert outcome.entry.evidence["verdict"]["n"] == ORIGINS  # type: ignore[index, call-overload]


def test_course__without_traffic_refuses_the_tenth_worse_before_any_caller_meets_it(world: World, contenders: Served) -> None:
    outcome = world.roll("worse")

    assert outcome.outcome == "refused"
    assert "paired replay: not sure to be better" in outcome.reasons[0]
    assert world.target.asked == ["stage canary", "withdraw"]
    kept(world, contenders)


def test_course__plan_is_written_before_the_first_look(world: World) -> None:
    world.target.on["stage"] = lambda: seen.extend(world.rollouts())
    seen: list[Rollout] = []

    world.roll("better")

    assert [(each.plan.challenger, len(each.plan.origins), each.plan.confidence) for each in seen] == [("2", 28, 0.9)]


@pytest.mark.parametrize("given", [None, Metrics((None,))], ids=["no address", "nothing heard"])
def test_course__without_metrics_no_caller_meets_it(world: World, contenders: Served, given: Metrics | None) -> None:
    world.metrics = given

    outcome = world.roll("better")

    assert "no metric, no promotion" in outcome.reasons[0]
    assert not [each for each in world.target.asked if each.startswith("traffic")]
    kept(world, contenders)


def test_course__metrics_that_stop_take_it_back(world: World, contenders: Served) -> None:
    world.metrics = Metrics((NO_TRAFFIC, None))

    outcome = world.roll("better")

    assert "no metric, no promotion" in outcome.reasons[0]
    assert world.target.asked == ["stage canary", "traffic 5", "withdraw"]
    kept(world, contenders)


def test_course__without_truth_nothing_is_staged(world: World, contenders: Served) -> None:
    shutil.rmtree(world.place.settings.store)

    outcome = world.roll("better")

    assert "no truth, no promotion" in outcome.reasons[0]
    assert world.target.asked == ["withdraw"]
    kept(world, contenders)


def test_course__errors_at_the_first_weight_take_it_back(world: World, contenders: Served) -> None:
    world.metrics = Metrics((NO_TRAFFIC, metrics(20, 0), metrics(40, 9)))

    outcome = world.roll("better")

    assert "9 of 40 requests failed" in outcome.reasons[0]
    assert world.target.asked == ["stage canary", "traffic 5", "withdraw"]
    kept(world, contenders)


def test_course__one_that_does_not_start_meets_nobody(world: World, contenders: Served) -> None:
    def fails() -> None:
        raise RolloutError("canary pod: ImagePullBackOff")

    world.target.on["stage"] = fails

    assert "ImagePullBackOff" in world.roll("better").reasons[0]
    kept(world, contenders)


def test_course__one_that_crashes_under_traffic_is_taken_back(world: World, contenders: Served) -> None:
    world.target.on["traffic"] = lambda: world.target.unready.add("canary")

    assert "not ready any more" in world.roll("better").reasons[0]
    assert world.target.asked == ["stage canary", "traffic 5", "withdraw"]
    kept(world, contenders)


def test_course__another_champion_by_then_refuses(world: World) -> None:
    def moves() -> None:
        world.target.on.clear()
        world.place.promoter.promote(NAME, "3", "a person", "meanwhile", {}, PRESENT, force=True)

    world.target.on["traffic"] = moves

    outcome = world.roll("better")

    assert "the decision is about version 1, but the champion is 3" in outcome.reasons[0]
    assert world.champion()[0] == "3"
    assert world.target.asked[-1] == "withdraw"


def test_course__a_version_known_bad_is_refused_at_once(world: World) -> None:
    world.place.promoter.promote(NAME, "2", "a person", "meanwhile", {}, PRESENT, force=True)
    world.place.promoter.rollback(NAME, "a person", "it was bad", {}, PRESENT)

    assert "known bad" in world.roll("better").reasons[0]
    assert world.target.asked == ["withdraw"]


def test_course__the_champion_is_not_rolled_out(world: World) -> None:
    with pytest.raises(PromotionRefused, match="is the champion already"):
        world.roll("champion")


def test_course__one_at_a_time(world: World) -> None:
    with world.target.lock(NAME), pytest.raises(Busy, match="another rollout"):
        world.roll("better")
    assert world.rollouts() == []


@pytest.fixture
def blue_green(world: World, tmp_path: Path) -> World:
    """The same world, where the new version answers all at once or nobody."""
    world.place = ruled(world.place, tmp_path / "usecases", RULES.replace("[5, 50]", "[100]"))
    return world


def test_course__blue_green_lets_the_new_version_answer_all_before_it_is_promoted(blue_green: World, contenders: Served) -> None:
    champions: list[tuple[str | None, str]] = []
    blue_green.target.on["traffic"] = lambda: champions.append(blue_green.champion())
    blue_green.metrics = Metrics((metrics(0, stable=USUAL), metrics(1000, stable=EMPTY)))

    outcome = blue_green.roll("better")

    assert outcome.outcome == "promoted", outcome
    assert blue_green.target.asked == ["stage canary", "traffic 100", "promote"]
    assert champions == [("1", contenders.bundles["champion"])]
    (done,) = blue_green.rollouts()
    assert list(done.passed) == ["replay", "weight-100"]


@pytest.mark.parametrize(
    ("met", "said"),
    [
        (metrics(1000, 30, stable=EMPTY), "30 of 1000 requests failed"),
        (metrics(1000, p99=0.5, at_least=0.4, stable=EMPTY), "0.500 s, 0.040 s is usual"),  # of stable's callers, before
        (None, "no metric, no promotion"),
    ],
)
def test_course__blue_green_goes_back_by_one_weight(
    blue_green: World, contenders: Served, met: ServingMetrics | None, said: str
) -> None:
    blue_green.metrics = Metrics((metrics(0, stable=USUAL), met))

    outcome = blue_green.roll("better")

    assert said in outcome.reasons[0]
    assert blue_green.target.asked == ["stage canary", "traffic 100", "withdraw"]
    kept(blue_green, contenders)


def test_course__blue_green_whose_callers_fail_as_they_did_before_is_no_worse(blue_green: World) -> None:
    usual = USUAL.model_copy(update={"failed": USUAL.requests // 10})
    blue_green.metrics = Metrics((metrics(0, stable=usual), metrics(1000, 100, stable=EMPTY)))

    assert blue_green.roll("better").outcome == "promoted"


@pytest.mark.parametrize("verb", ["stage", "traffic", "promote"])
def test_course__interrupted_and_run_again_ends_the_same(world: World, contenders: Served, verb: str) -> None:
    def dies() -> None:
        world.target.on.clear()
        raise KeyboardInterrupt

    world.target.on[verb] = dies
    with pytest.raises(KeyboardInterrupt):
        world.roll("better")
    if verb != "promote":
        assert world.target.weight == 0
        assert world.champion()[0] == "1"

    outcome = world.roll("better")

    assert outcome.outcome == "promoted"
    (done,) = world.rollouts()
    assert (done.ended, list(done.passed)) == ("promoted", ["replay", "weight-5", "weight-50"])
    assert world.champion() == ("2", contenders.bundles["better"])
    promotions = [each for each in world.place.ledger.entries(NAME) if (each.action, each.phase) == ("promote", "done")]
    assert len(promotions) == 2  # the first model's, and this one


def test_course__another_version_abandons_what_was_cut_short(world: World) -> None:
    def dies() -> None:
        world.target.on.clear()
        raise KeyboardInterrupt

    world.target.on["traffic"] = dies
    with pytest.raises(KeyboardInterrupt):
        world.roll("better")

    world.roll("worse")

    assert [(each.plan.challenger, each.ended) for each in world.rollouts()] == [("2", "abandoned"), ("3", "refused")]


def test_course__one_that_was_promoted_is_completed_before_another(world: World) -> None:
    def dies() -> None:
        world.target.on.clear()
        raise KeyboardInterrupt

    world.target.on["promote"] = dies
    with pytest.raises(KeyboardInterrupt):
        world.roll("better")

    world.roll("worse")

    assert [(each.plan.champion, each.plan.challenger, each.ended) for each in world.rollouts()] == [
        ("1", "2", "promoted"),
        ("2", "3", "refused"),
    ]


@pytest.fixture
def asking(world: World, tmp_path: Path) -> World:
    """The same world, whose use case wants a person before a promotion."""
    world.place = ruled(world.place, tmp_path / "asking", RULES + "approval: {promotion: true}\n")
    return world


def answers(world: World) -> list[tuple[str, str]]:
    return [(each.actor, each.reason) for each in world.place.ledger.entries(NAME) if each.action == "approval"]


def test_course__a_person_is_asked_once_every_step_is_passed(asking: World, contenders: Served) -> None:
    asked: list[tuple[Proposal, list[str]]] = []

    def agree(proposal: Proposal) -> Answer:
        asked.append((proposal, list(asking.target.asked)))
        return Answer(True, "Ada", "seen")

    outcome = asking.roll("better", agree)

    assert (outcome.outcome, asking.champion()) == ("promoted", ("2", contenders.bundles["better"]))
    ((proposal, before),) = asked
    assert (proposal.action, proposal.from_version, proposal.to_version, before) == ("promote", "1", "2", ALL[:-1])
    assert answers(asking) == [("Ada", "approved by Ada: seen")]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda _: Answer(False, "Ada", "not today"), "not approved by Ada: not today"),
        (lambda _: Answer(False, "", LATE), f"not approved: {LATE}"),
        (unasked, f"not approved: {NOBODY}"),
    ],
    ids=["refused", "not in time", "nobody to ask"],
)
def test_course__without_an_approval_it_is_taken_back(asking: World, contenders: Served, ask: Ask, said: str) -> None:
    outcome = asking.roll("better", ask)

    assert outcome.reasons == (said,)
    assert asking.target.asked == [*ALL[:-1], "withdraw"]
    assert [reason for _, reason in answers(asking)] == [said]
    kept(asking, contenders)


def test_course__approved_when_another_champion_serves_moves_nothing(asking: World) -> None:
    def late(_: Proposal) -> Answer:
        asking.place.promoter.promote(NAME, "3", "a person", "meanwhile", {}, PRESENT, force=True)
        return Answer(True, "Ada", "")

    outcome = asking.roll("better", late)

    assert "the decision is about version 1, but the champion is 3" in outcome.reasons[0]
    assert (asking.champion()[0], asking.target.asked[-1]) == ("3", "withdraw")


def test_course__where_only_a_rollback_asks_nobody_is_asked(world: World, tmp_path: Path) -> None:
    world.place = ruled(world.place, tmp_path / "asking", RULES + "approval: {rollback: true}\n")

    assert world.roll("better", unasked).outcome == "promoted"
    assert answers(world) == []


def test_course__a_worse_version_asks_nobody(asking: World, contenders: Served) -> None:
    def unexpected(_: Proposal) -> Answer:
        raise AssertionError("nobody should be asked")

    assert asking.roll("worse", unexpected).outcome == "refused"
    kept(asking, contenders)
