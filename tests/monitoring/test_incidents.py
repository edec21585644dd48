"""Which incidents the ledger tells of: from the first trouble until every series is on an even keel, by verdicts of the policy itself."""

from datetime import timedelta
from typing import Any

import pytest

from model_code.evidence import Action, Evidence, PartEvidence, Release
from model_code.ledger import Entry
from model_code.policy import Verdict, decide
from model_code.specification import Policy
from monitoring import judgement
from monitoring.judgement import Judgement
from monitoring.notes import note
from monitoring.notify import incidents
from monitoring.notify.incidents import incidents_of, is_calm, is_troubled, verdict_of
from tests.unit.policy_cases import DAY, NOW, action, evidence, fault, part, series

HOUR = timedelta(hours=1)
FINE, MOVED, STALE = "." * 14, {"ratios": "..........xxxx", "level": "AAAA"}, NOW + 90 * DAY


def verdict(*done: Action, at: Any = NOW, **told: Any) -> Verdict:
    """What the policy makes of what is seen."""
    return decide(Policy(), watched(**told), done, at)


def watched(*, divisible: bool = True, **told: Any) -> Evidence:
    """Series by name: characters as in the table of policy cases, or all that `series` takes; other facts as they are."""
    marks = {name: given if isinstance(given, dict) else {"ratios": given} for name, given in told.items() if name.isupper()}
    facts = {name: given for name, given in told.items() if not name.isupper()}
    return evidence(*[series(name=name, **given) for name, given in marks.items()], divisible=divisible, **facts)


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


def look(told: Verdict, hours: float) -> Entry:
    """The note of a look."""
    at, seen = NOW + hours * HOUR, {"verdict": told.model_dump(mode="json")}
    return Entry(phase="note", usecase="demand", action="verdict", actor="monitor", reason="; ".join(told.reasons), evidence=seen, at=at, recorded_at=at, intent=f"look {at}")  # fmt: skip


def noted(hours: float, *done: Action, **told: Any) -> Entry:
    """The note of a look, with what was seen, as the monitor leaves it."""
    at, seen = NOW + hours * HOUR, watched(**told)
    made = note("demand", Judgement(seen, decide(Policy(), seen, done, NOW)), at)
    return made.model_copy(update={"recorded_at": at, "intent": f"look {at}"})


def act(kind: str, hours: float, *scope: str) -> Entry:
    at = NOW + hours * HOUR
    return Entry(phase="done", usecase="demand", action=kind, actor="evenkeel", reason="it was bad", scope=scope, from_version="2", to_version="1", at=at, recorded_at=at, intent=f"act {at}")  # fmt: skip


def test_incidents_of__a_story_is_one_from_the_verdict_to_the_even_keel() -> None:
    story = [look(CALM, 0), look(ROLLBACK, 1), act("rollback", 1), look(HOLDS["one waits for origins"], 2), look(CALM, 30)]

    (incident,) = incidents_of(story)

    assert (incident.opened, incident.ended) == (story[1], story[-1])
    assert incident.actions == (story[2],)


@pytest.mark.parametrize("name", HOLDS)
def test_incidents_of__a_hold_ends_none_and_begins_none(name: str) -> None:
    hold = HOLDS[name]
    assert (hold.action, hold.calm) == ("hold", False)

    (incident,) = incidents_of([look(TROUBLE["retrain"], 0), look(hold, 1)])

    assert incident.ended is None
    assert hold.side_effects == ()
    assert incidents_of([look(CALM, 0), look(hold, 1)]) == []


@pytest.mark.parametrize("name", TROUBLE)
def test_incidents_of__what_is_asked_for_begins_one_and_ends_none(name: str) -> None:
    (incident,) = incidents_of([look(CALM, 0), look(TROUBLE[name], 1), look(TROUBLE[name], 2)])

    assert incident.ended is None


@pytest.mark.parametrize("well", [CALM, WARNED], ids=["calm", "with a warning"])
def test_incidents_of__ends_when_every_series_is_on_an_even_keel(well: Verdict) -> None:
    assert any("warning only" in reason for reason in WARNED.reasons)

    (incident,) = incidents_of([look(PAGE, 0), look(well, 1)])

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


MOVES = {"A": MOVED, "B": FINE}


@pytest.mark.parametrize(
    ("later", "subjects"),
    [
        (noted(1, **MOVES), []),
        (noted(1, retrained("A"), **MOVES), []),
        (noted(1, retrained("A"), A=MOVED, B=MOVED), [("B",)]),
        (noted(1, A=MOVED, B=MOVED), [("all",)]),
        (noted(1, **MOVES, slices=(part(),)), [("slice hour=17",)]),
        (noted(1, **MOVES, data_faults=(fault(entity="B"),)), [("B",)]),
        (noted(1, A=MOVED, B={"ratios": FINE, "level": "AAAA"}, slices=(part(),)), [("slice hour=17",)]),
        (act("retrain", 1, "A"), []),
        (act("retrain", 1, "B"), [("B",)]),
    ],
    ids=["the same", "it cools down", "another", "all", "slice", "fault elsewhere", "alarm borne", "its action", "another's action"],
)  # fmt: skip
def test_incidents_of__what_joins_one_is_news_once(later: Entry, subjects: list[tuple[str, ...]]) -> None:
    again = later.model_copy(update={"intent": "again"})

    (incident,) = incidents_of([noted(0, **MOVES), later, again])

    assert [news.subjects for news in incident.news] == subjects


def test_incidents_of__of_one_entity_alone_is_about_all() -> None:
    (incident,) = incidents_of([noted(0, A=FINE, data_faults=(fault(entity="A"),)), noted(1, A=MOVED), act("retrain", 1)])

    assert [news.subjects for news in incident.news] == [()]


def test_incidents_of__the_first_action_is_news_where_none_was_told_of() -> None:
    page = noted(0, A=FINE, B=FINE, slices=(part(),))
    assert verdict_of(page)["action"] == "hold"
    story = [page, act("retrain", 1), act("retrain", 2)]

    (incident,) = incidents_of(story)

    assert [news.entry for news in incident.news] == [story[1]]
    assert [news.subjects for news in incident.news] == [("all",)]


def test_incidents_of__who_hears_of_a_person_asked_for_one_entity_hears_of_its_first_action() -> None:
    no_target = {"ratios": "xxxx", "previous": "...."}
    page = noted(0, A=no_target, B=FINE, released_days_ago=4.5, previous=None)
    story = [page, act("retrain", 1, "A"), act("rollback", 2, "A")]

    (incident,) = incidents_of(story)

    assert [(news.entry, news.subjects) for news in incident.news] == [(story[1], ())]


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
