"""Which incidents the ledger tells of: from the first trouble until every series is on an even keel, by verdicts of the policy itself."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from model_code.evidence import Action, Evidence, PartEvidence, Release
from model_code.ledger import Entry
from model_code.policy import Verdict, decide
from model_code.specification import Policy
from monitoring import judgement
from monitoring.notify import incidents
from monitoring.notify.incidents import incidents_of, is_calm, is_troubled
from tests.unit.policy_cases import DAY, NOW, action, evidence, fault, part, series

HOUR = timedelta(hours=1)
FINE, MOVED, STALE = "." * 14, {"ratios": "..........xxxx", "level": "AAAA"}, NOW + 90 * DAY


def verdict(*done: Action, divisible: bool = True, at: Any = NOW, **told: Any) -> Verdict:
    """What the policy makes of series by name: characters as in the table of policy cases, or all that `series` takes."""
    marks = {name: given if isinstance(given, dict) else {"ratios": given} for name, given in told.items() if name.isupper()}
    facts = {name: given for name, given in told.items() if not name.isupper()}
    watched = [series(name=name, **given) for name, given in marks.items()]
    return decide(Policy(), evidence(*watched, divisible=divisible, **facts), done, at)


def retrained(*scope: str, days_ago: float = 2) -> Action:
    return action("retrain", days_ago).model_copy(update={"scope": scope})


def waiting_for_origins() -> Verdict:
    """A got a part of its own yesterday."""
    young = PartEvidence(version="4", release=Release(version="4", at=NOW - DAY), previous="3")
    seen: Evidence = evidence(series("...", name="A"), series(FINE, name="B"), divisible=True)
    first, second = seen.series
    short = first.model_copy(update={"part": young, "origins": first.origins[-1:]})
    return decide(Policy(), seen.model_copy(update={"series": (short, second)}), (), NOW)


CALM = verdict(A=FINE, B=FINE)
PAGE = verdict(at=STALE, A=FINE)
ROLLBACK = verdict(A={"ratios": "xxxx", "previous": "...."}, B={"ratios": "....", "previous": "oooo"}, released_days_ago=4.5)
TROUBLE = {"rollback": ROLLBACK, "page": PAGE, "retrain": verdict(A=MOVED, B=FINE)}
HOLDS = {
    "one cools down": verdict(retrained("A"), A=MOVED, B=FINE),
    "one cools down, the bundle as a whole": verdict(retrained(), divisible=False, A=MOVED, B=FINE),
    "the only one cools down": verdict(retrained(), A=MOVED),
    "one is over its budget": verdict(*4 * [retrained("A", days_ago=6)], A=MOVED, B=FINE),
    "one waits for origins": waiting_for_origins(),
    "one has a hard spell": verdict(A=".......x..xxxx", B=FINE),
    "one bears an alarm": verdict(A={"ratios": FINE, "level": "AAAA"}, B=FINE),
}  # fmt: skip
WARNED = verdict(A=FINE, B=FINE, drifted_share=0.9)


def look(told: Verdict, hours: float, *, kept: Sequence[str] = ()) -> Entry:
    """The note of a look; with `kept`, only these facts of its verdict, as notes of before had them."""
    facts = told.model_dump(mode="json")
    at = NOW + hours * HOUR
    seen = {"verdict": {name: facts[name] for name in kept} if kept else facts}
    return Entry(phase="note", usecase="demand", action="verdict", actor="monitor", reason="; ".join(told.reasons), evidence=seen, at=at, recorded_at=at, intent=f"look {at}")  # fmt: skip


def act(kind: str, hours: float) -> Entry:
    at = NOW + hours * HOUR
    return Entry(phase="done", usecase="demand", action=kind, actor="evenkeel", reason="it was bad", from_version="2", to_version="1", at=at, recorded_at=at, intent=f"act {at}")  # fmt: skip


def earlier(told: Verdict, hours: float) -> Entry:
    """As the ledger of before told it, in words alone."""
    return look(told, hours, kept=("action", "reasons", "side_effects"))


def test_incidents_of__a_story_is_one_from_the_verdict_to_the_even_keel() -> None:
    story = [look(CALM, 0), look(ROLLBACK, 1), act("rollback", 1), look(HOLDS["one waits for origins"], 2), look(CALM, 30)]

    (incident,) = incidents_of(story)

    assert (incident.opened, incident.ended) == (story[1], story[-1])
    assert incident.actions == (story[2],)


@pytest.mark.parametrize("told", [look, earlier])
@pytest.mark.parametrize("name", HOLDS)
def test_incidents_of__a_hold_ends_none_and_begins_none(name: str, told: Any) -> None:
    hold = HOLDS[name]
    assert (hold.action, hold.calm) == ("hold", False)

    (incident,) = incidents_of([told(TROUBLE["retrain"], 0), told(hold, 1)])

    assert incident.ended is None
    assert hold.side_effects == ()
    assert incidents_of([told(CALM, 0), told(hold, 1)]) == []


@pytest.mark.parametrize("told", [look, earlier])
@pytest.mark.parametrize("name", TROUBLE)
def test_incidents_of__what_is_asked_for_begins_one_and_ends_none(name: str, told: Any) -> None:
    (incident,) = incidents_of([told(CALM, 0), told(TROUBLE[name], 1), told(TROUBLE[name], 2)])

    assert incident.ended is None


@pytest.mark.parametrize("told", [look, earlier])
@pytest.mark.parametrize("well", [CALM, WARNED], ids=["calm", "with a warning"])
def test_incidents_of__ends_when_every_series_is_on_an_even_keel(well: Verdict, told: Any) -> None:
    assert any("warning only" in reason for reason in WARNED.reasons)

    (incident,) = incidents_of([told(PAGE, 0), told(well, 1)])

    assert incident.ended is not None


def test_incidents_of__two_retrains_of_one_entity_are_one_incident() -> None:
    """The second is wanted while the first one's cool-down lasts, and the other entity is well all the time."""
    moved, cooling = verdict(A=MOVED, B=FINE), HOLDS["one cools down"]
    story = [
        look(moved, 0),
        act("retrain", 0),
        look(cooling, 24),
        look(cooling, 48),
        look(moved, 72),
        act("retrain", 72),
        look(CALM, 96),
    ]

    (incident,) = incidents_of(story)

    assert (incident.opened, len(incident.actions), incident.ended) == (story[0], 2, story[-1])


def test_incidents_of__an_action_whose_look_left_no_note_begins_one() -> None:
    (incident,) = incidents_of([act("rollback", 0), look(ROLLBACK, 1), act("promote", 1)])

    assert (incident.opened.action, len(incident.actions)) == ("rollback", 1)


def test_incidents_of__a_note_that_cannot_be_read_is_no_good_news() -> None:
    broken = look(CALM, 0).model_copy(update={"evidence": {}})

    assert len(incidents_of([broken])) == 1


@pytest.mark.parametrize(
    "facts", [{"slices": (part(),)}, {"data_faults": (fault(entity="C"),)}], ids=["slice", "fault elsewhere"]
)
def test_decide__is_not_calm_while_a_person_is_called(facts: dict[str, Any]) -> None:
    told = verdict(A=FINE, B=FINE, **facts)

    assert "page" in told.side_effects
    assert not told.calm


def test_is_calm__is_the_policys_word() -> None:
    assert CALM.calm
    assert is_calm(look(CALM, 0))
    assert is_troubled(look(PAGE, 0))
    assert incidents.VERDICT == judgement.VERDICT
