"""Verdicts about some series alone, where their parts fit together: who is heard, who waits, and that nobody else pays."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from model_code.evidence import Action, Evidence, PartEvidence, Release
from model_code.policy import decide
from model_code.specification import Policy
from tests.unit.policy_cases import DAY, NOW, action, evidence, series
from tests.unit.test_policy_properties import SETTINGS, acted, seen

P = Policy()
BAD = {"ratios": "xxxx", "previous": "...."}
FINE = {"ratios": "....", "previous": "oooo"}
MOVED = {"ratios": "..........xxxx", "level": "AAAA"}


def apart(**marks: dict[str, str]) -> Evidence:
    watched = [series(name=name, **given) for name, given in marks.items()]  # type: ignore[arg-type]
    return evidence(*watched, released_days_ago=4.5, divisible=True)


def part(version: str = "3", previous: str | None = "2", *, days_ago: float = 4.5, **told: Any) -> PartEvidence:
    return PartEvidence(version=version, release=Release(version=version, at=NOW - days_ago * DAY), previous=previous, **told)


def given_parts(found: Evidence, **parts: PartEvidence) -> Evidence:
    told = tuple(each.model_copy(update={"part": parts.get(each.name)}) for each in found.series)
    return found.model_copy(update={"series": told})


def test_decide__one_bad_series_rolls_back_alone_whatever_it_would_cost_the_others() -> None:
    verdict = decide(P, apart(A=BAD, B=FINE), (), NOW)

    assert (verdict.action, verdict.scope, verdict.to_version) == ("rollback", ("A",), "2")
    assert "page" in verdict.side_effects
    whole = decide(P, apart(A=BAD, B=FINE).model_copy(update={"divisible": False}), (), NOW)
    assert whole.action == "hold"


def test_decide__all_bad_roll_back_as_one() -> None:
    verdict = decide(P, apart(A=BAD, B=BAD), (), NOW)

    assert (verdict.action, verdict.scope, verdict.to_version) == ("rollback", (), "2")


def test_decide__those_who_go_back_to_different_versions_do_so_one_after_the_other() -> None:
    found = given_parts(apart(A=BAD, B=BAD, C=BAD), C=part("7", "3", shared=False))

    first = decide(P, found, (), NOW)
    then = decide(P, found, (Action(action="rollback", at=NOW, scope=first.scope),), NOW)

    assert (first.scope, first.to_version) == (("A", "B"), "2")
    assert (then.action, then.scope, then.to_version) == ("rollback", ("C",), "3")


def test_decide__those_whom_the_version_before_brings_each_to_its_own_roll_back_as_one() -> None:
    found = given_parts(apart(A=BAD, B=BAD), A=part("5", "3"), B=part("5", "2")).model_copy(update={"previous": "4"})

    verdict = decide(P, found, (), NOW)

    assert (verdict.action, verdict.scope, verdict.to_version) == ("rollback", (), "4")


def test_decide__what_is_bad_for_one_is_not_bad_for_another() -> None:
    found = given_parts(apart(A=BAD, B=BAD), A=part(bad=("2",)), B=part())

    verdict = decide(P, found, (), NOW)

    assert (verdict.action, verdict.scope) == ("rollback", ("B",))
    assert any("A: " in reason and "version 2 is known to be bad" in reason for reason in verdict.reasons)


def test_decide__only_a_release_of_its_own_is_blamed() -> None:
    found = apart(A=BAD, B=FINE).model_copy(update={"releases": (Release(version="4", at=NOW - 4.5 * DAY),)})
    of_old = given_parts(found, A=part(days_ago=60), B=part("4", "3"))

    assert decide(P, given_parts(found, A=part(), B=part("4", "3")), (), NOW).action == "rollback"
    assert decide(P, of_old, (), NOW).action == "hold"


def test_decide__cools_down_for_those_that_were_acted_on_and_no_others() -> None:
    found = apart(A=BAD, B=FINE)
    of_other, of_own, of_all = (
        decide(P, found, (action("retrain", 1).model_copy(update={"scope": scope}),), NOW) for scope in (("B",), ("A",), ())
    )

    assert (of_other.action, of_other.scope) == ("rollback", ("A",))
    assert (of_own.action, of_all.action) == ("hold", "hold")
    assert any("cooling down" in reason and "wanted rollback" in reason for reason in of_own.reasons)
    assert "page" in of_own.side_effects


def test_decide__one_that_has_to_wait_does_not_keep_another_waiting() -> None:
    found = apart(A=BAD, B=MOVED)
    verdict = decide(P, found.model_copy(update={"releases": (Release(version="3", at=NOW - 60 * DAY),)}), (), NOW)
    waiting = given_parts(found, A=part(), B=part(days_ago=60))

    told = decide(P, waiting, (action("rollback", 1).model_copy(update={"scope": ("A",)}),), NOW)

    assert verdict.action == "retrain"
    assert (told.action, told.scope) == ("retrain", ("B",))


@given(st.lists(seen(), min_size=1, max_size=3), st.lists(st.integers(1, 40), min_size=5, max_size=20))
@SETTINGS
def test_decide__over_time_keeps_cooldown_and_budget_of_each_series(worlds: list[Evidence], gaps: list[int]) -> None:
    rule = P.model_copy(update={"cooldown": timedelta(days=1), "actions_per_week": 2})
    done = acted(rule, worlds, gaps, divisible=True)
    for name in "ABC":
        times = [each.at for each in done if each.concerns((name,))]
        assert all(after - before >= rule.cooldown for before, after in pairwise(times))
        later_ones = zip(times, times[rule.actions_per_week :], strict=False)
        assert all(after - before >= timedelta(days=7) for before, after in later_ones)


@given(seen())
@SETTINGS
def test_decide__alone_never_acts_for_a_series_that_asks_for_nothing(found: Evidence) -> None:
    apart = decide(P, found.model_copy(update={"divisible": True, "slices": ()}), (), NOW)

    for name in apart.scope:
        own = tuple(each for each in found.series if each.name == name)
        assert decide(P, found.model_copy(update={"series": own, "slices": ()}), (), NOW).action == apart.action
