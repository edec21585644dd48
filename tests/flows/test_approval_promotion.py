"""A use case that asks for a person before each way to a new champion: promote, retrain, recalibrate."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.approval import LATE
from flows.params import PromoteParams
from flows.promote import carry_out, contest
from model_code.challenger import bundle_of, evaluate, register
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring.acting import Request, retrain
from monitoring.consent import NOBODY, Answer, Ask, Proposal, unasked
from monitoring.judgement import look
from monitoring.recalibrating import recalibrate
from tests.flows.small import LATER, NAME, Stages, predictions_of, refresh_all

MONITOR = Request("monitor", "event 1")
NOW = pd.Timestamp(LATER)
POLICY = "policy: {window: 8, coverage_origins: 7}\nrecalibrate: {judged: 7}\n"
NO, SILENCE = Answer(False, "Ada", "not this week"), Answer(False, "", LATE)


def promoting(place: Installation, ask: Ask) -> Entry | None:
    entry, _ = carry_out(place, PromoteParams(usecase=NAME), contest(place, None, NOW), NOW, ask)
    return entry


def retraining(place: Installation, ask: Ask) -> Entry | None:
    return retrain(place, NOW, MONITOR, ask=ask).entry


def recalibrating(place: Installation, ask: Ask) -> Entry | None:
    return recalibrate(place, NOW, MONITOR, ask=ask).entry


def rival(place: Installation) -> None:
    """A challenger of the world since the champion was trained."""
    history, seed = place.history(NOW), place.usecase.spec.seed
    evaluated = evaluate(place.usecase, history, NOW, place.usecase.spec.retrain.slate, seed=seed)
    register(place, bundle_of(place, history, NOW, evaluated, seed=seed), evaluated)


def far_off(place: Installation) -> None:
    """The champion is bad for long, and there is no version before it to blame it on."""
    place.predictions.add(
        each.model_copy(update={"value": each.value + 60, "version": "1"}) for each in predictions_of(place, LATER)
    )


def too_sure(place: Installation) -> None:
    """Answers as good as ever, in intervals of next to nothing."""
    truth = place.history(NOW).truth(NOW).set_index(["entity", "time"])["value"].to_dict()
    answered = [each for each in predictions_of(place, LATER) if (each.entity, each.time) in truth]
    for number, each in enumerate(answered):
        value = float(truth[each.entity, pd.Timestamp(each.time)]) + (1.0, -1.0)[number % 2]
        told = {"value": value, "lower": value - 0.1, "upper": value + 0.1, "version": "1"}
        place.predictions.add([each.model_copy(update=told)])


@dataclass(frozen=True)
class Way:
    """A way to a new champion, and what leads there."""

    action: str
    go: Callable[[Installation, Ask], Entry | None]
    prepare: Callable[[Installation], None]


PROMOTE = Way("promote", promoting, rival)
WANTED_BY_THE_POLICY = [Way("retrain", retraining, far_off), Way("recalibrate", recalibrating, too_sure)]
WAYS = [PROMOTE, *WANTED_BY_THE_POLICY]


@pytest.fixture
def make(stages: Stages, tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Version 1 is champion, twelve days have passed since; version 2 is the first challenger."""
    made = []

    def make(way: Way, rule: str = "{promotion: true}") -> Installation:
        place = stages.copy("trained", tmp_path / "home")
        refresh_all(place, LATER)
        folder = tmp_path / "usecases" / NAME
        folder.mkdir(parents=True)
        text = (place.usecase.folder / "usecase.yaml").read_text().replace("policy: {window: 8}\n", POLICY)
        (folder / "usecase.yaml").write_text(text + f"approval: {rule}\n")
        (folder / "features.py").write_bytes((place.usecase.folder / "features.py").read_bytes())
        place.sql.dispose()
        made.append(Installation.open(NAME, place.settings.model_copy(update={"usecase_path": str(tmp_path / "usecases")})))
        way.prepare(made[-1])
        return made[-1]

    yield make
    for place in made:
        place.sql.dispose()


def named(way: Way) -> str:
    return way.action


def champion(place: Installation) -> tuple[str | None, str]:
    pointer = place.pointers.get(NAME)
    assert pointer is not None
    return place.registry.version_of(NAME, "champion"), pointer.wanted


def answers(place: Installation) -> list[Entry]:
    return [each for each in place.ledger.entries(NAME) if each.phase == "note" and "proposed" in each.evidence]


def moves(place: Installation) -> list[str]:
    return [str(each.to_version) for each in place.ledger.entries(NAME) if each.phase == "done"]


@pytest.mark.parametrize("way", WAYS, ids=named)
def test_promotion__approved_moves_with_a_note_of_who(make: Callable[..., Installation], way: Way) -> None:
    place, asked = make(way), list[Proposal]()

    def agree(proposal: Proposal) -> Answer:
        asked.append(proposal)
        return Answer(True, "Ada", "seen")

    entry = way.go(place, agree)

    assert entry is not None
    (shown,) = asked
    assert (shown.action, shown.from_version, shown.to_version) == (way.action, "1", entry.to_version)
    assert champion(place)[0] == entry.to_version
    assert [(each.action, each.actor, each.reason) for each in answers(place)] == [("approval", "Ada", "approved by Ada: seen")]


@pytest.mark.parametrize("answer", [NO, SILENCE, unasked], ids=["refused", "not in time", "nobody to ask"])
@pytest.mark.parametrize("way", WAYS, ids=named)
def test_promotion__without_an_approval_moves_nothing(make: Callable[..., Installation], way: Way, answer: Answer | Ask) -> None:
    place = make(way)
    before = champion(place)

    entry = way.go(place, (lambda _: answer) if isinstance(answer, Answer) else answer)

    assert (entry, champion(place), moves(place)) == (None, before, ["1"])
    (noted,) = answers(place)
    assert noted.reason == (str(answer) if isinstance(answer, Answer) else f"not approved: {NOBODY}")


@pytest.mark.parametrize("way", WANTED_BY_THE_POLICY, ids=named)
def test_promotion__a_refusal_of_what_the_policy_wants_starts_the_cooldown(make: Callable[..., Installation], way: Way) -> None:
    place = make(way)
    way.go(place, lambda _: NO)

    assert "cooling down" in look(place, NOW + timedelta(hours=1)).verdict.reasons[0]
    assert way.go(place, unexpected) is None


def test_promotion__a_refusal_of_a_persons_own_promotion_starts_none(make: Callable[..., Installation]) -> None:
    place, asked = make(PROMOTE), list[Proposal]()
    for _ in range(2):
        promoting(place, lambda proposal: asked.append(proposal) or NO)  # type: ignore[func-returns-value]

    assert len(asked) == 2


@pytest.mark.parametrize("way", WAYS, ids=named)
def test_promotion__approved_when_another_champion_serves_moves_nothing(make: Callable[..., Installation], way: Way) -> None:
    place = make(way)

    def late(proposal: Proposal) -> Answer:
        assert proposal.to_version == "3"
        place.promoter.promote(NAME, "2", "Grace", "meanwhile", {}, LATER, force=True)
        return Answer(True, "Ada", "")

    with pytest.raises(PromotionRefused, match="the decision is about version 1, but the champion is 2"):
        way.go(place, late)

    assert moves(place) == ["1", "2"]
    assert champion(place) == ("2", place.registry.bundle_of(NAME, "2"))


@pytest.mark.parametrize("way", WAYS, ids=named)
def test_promotion__where_only_a_rollback_asks_nobody_is_asked(make: Callable[..., Installation], way: Way) -> None:
    place = make(way, "{rollback: true}")

    entry = way.go(place, unexpected)

    assert entry is not None
    assert champion(place)[0] == entry.to_version
    assert answers(place) == []


def unexpected(_: Proposal) -> Answer:
    raise AssertionError("nobody should be asked")
