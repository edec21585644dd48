"""What holds for any evidence over time: cool-down, budget, stale and faulty data, things not known, the order of series."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.evidence import Action, Evidence, OriginEvidence, Release, SeriesEvidence
from model_code.policy import WEEK, decide
from model_code.specification import Policy
from tests.unit.policy_cases import DAY, EVIDENTLY, LOSS, NOW, evidence, fault, part, series

P = Policy()
SETTINGS = settings(deadline=None, max_examples=60, derandomize=True)


def spells(of: str) -> st.SearchStrategy[str]:
    """Strings of up to 22 marks that stay the same for a while, as weather and worlds do."""
    spell = st.tuples(st.sampled_from(of), st.integers(1, 8)).map(lambda drawn: drawn[0] * drawn[1])
    return st.lists(spell, max_size=6).map(lambda drawn: "".join(drawn)[:22])


TROUBLES = {
    "moved": {"ratios": "..........xxxx", "level": "AAAA"},
    "bad release": {"ratios": "xxxx", "previous": "...."},
    "better since": {"ratios": "....", "previous": "oooo"},
    "as before": {"ratios": "....", "previous": "...."},
}


def watched(name: str) -> st.SearchStrategy[SeriesEvidence]:
    """One series: any at all, or one of the troubles that ask for something."""
    anything = st.builds(
        lambda ratios, previous, baseline, level, coverage: series(
            ratios,
            previous=previous[: len(ratios)],
            baseline=baseline[: len(ratios)],
            level=level[: len(ratios)],
            coverage=coverage,
            name=name,
        ),
        spells(".oxX"),
        spells("..oxX "),
        spells("..oxX "),
        spells("AB+- "),
        st.floats(0, 1),
    )
    known = st.sampled_from(sorted(TROUBLES)).map(lambda trouble: series(name=name, **TROUBLES[trouble]))  # type: ignore[arg-type]
    return anything | known | known


parts = st.lists(
    st.builds(
        lambda value, departs, base: part(str(value), departs=departs, baseline_loss=base),
        st.integers(0, 3),
        st.booleans(),
        st.floats(0, 3),
    ),
    max_size=3,
)
some_fault = st.builds(fault, st.sampled_from(["stuck", "missing", "clock"]), st.sampled_from([None, "A", "B"]))


@st.composite
def seen(draw: st.DrawFn) -> Evidence:
    """Evidence of three series, with faults, slices, and what Evidently says."""
    return evidence(
        *(draw(watched(name)) for name in "ABC"),
        released_days_ago=draw(st.just(4.5) | st.floats(0, 25)),
        slices=tuple(draw(parts)),
        data_faults=draw(st.just(()) | st.just(()) | st.tuples(some_fault)),
        has_baseline=True,
        evidently_breach=draw(st.sampled_from([None, EVIDENTLY])),
        estimated_ratio=draw(st.none() | st.floats(0, 9)),
    )


def later(found: Evidence, moment: timedelta) -> Evidence:
    """The same, as if it had all happened so much later."""
    moved = [
        each.model_copy(
            update={
                "origins": tuple(point.model_copy(update={"origin": point.origin + moment}) for point in each.origins),
                "level_since": each.level_since and each.level_since + moment,
            }
        )
        for each in found.series
    ]
    releases = tuple(each.model_copy(update={"at": each.at + moment}) for each in found.releases)
    return found.model_copy(update={"at": found.at + moment, "series": tuple(moved), "releases": releases})


def acted(rule: Policy, worlds: list[Evidence], gaps: list[int], *, divisible: bool = False) -> list[Action]:
    """What is done when each verdict is acted on at once; about those alone who asked where the bundle is divisible."""
    done: list[Action] = []
    hours = 0
    for turn, gap in enumerate(gaps):
        hours += gap
        moment = timedelta(hours=hours)
        found = later(worlds[turn % len(worlds)], moment).model_copy(update={"divisible": divisible})
        verdict = decide(rule, found, done, NOW + moment)
        if verdict.action != "hold":
            done.append(Action(action=verdict.action, at=NOW + moment, scope=verdict.scope if divisible else ()))
    return done


@given(st.lists(seen(), min_size=1, max_size=3), st.lists(st.integers(1, 40), min_size=5, max_size=20))
@SETTINGS
def test_decide__over_time_keeps_cooldown_and_weekly_budget(worlds: list[Evidence], gaps: list[int]) -> None:
    rule = P.model_copy(update={"cooldown": timedelta(days=1), "actions_per_week": 2})
    done = acted(rule, worlds, gaps)
    times = [each.at for each in done]
    assert all(after - before >= rule.cooldown for before, after in pairwise(times))
    assert all(after - before >= WEEK for before, after in zip(times, times[rule.actions_per_week :], strict=False))


@given(seen())
@SETTINGS
def test_decide__never_acts_for_a_series_whose_data_are_at_fault(found: Evidence) -> None:
    verdict = decide(P, found, (), NOW)
    asking = set(verdict.scope or [each.name for each in found.series])

    assert verdict.action == "hold" or not found.data_faults or not asking & {fault.entity for fault in found.data_faults}
    assert verdict.action == "hold" or all(fault.entity is not None for fault in found.data_faults)
    assert "page" in verdict.side_effects or not found.data_faults


@given(seen(), st.permutations(range(3)))
@SETTINGS
def test_decide__order_of_series_does_not_matter(found: Evidence, order: list[int]) -> None:
    mixed = found.model_copy(
        update={
            "series": tuple(found.series[place] for place in order),
            "slices": found.slices[::-1],
        }
    )

    told, again = decide(P, found, (), NOW), decide(P, mixed, (), NOW)
    assert (told.action, told.scope, told.side_effects, told.since) == (
        again.action,
        again.scope,
        again.side_effects,
        again.since,
    )
    assert sorted(told.reasons) == sorted(again.reasons)


@given(seen(), st.data())
@SETTINGS
def test_decide__what_is_not_known_never_makes_it_act(found: Evidence, data: st.DataObject) -> None:
    known = found.model_copy(update={"bad_versions": ()})
    fewer = known.model_copy(
        update={
            "data_age": data.draw(st.sampled_from([None, known.data_age])),
            "evidently_breach": data.draw(st.sampled_from([None, known.evidently_breach])),
            "estimated_ratio": None,
            "slices": tuple(each.model_copy(update={"baseline_loss": None}) for each in known.slices),
            "series": tuple(
                each.model_copy(update={"origins": tuple(forgetful(point, data) for point in each.origins)})
                for each in known.series
            ),
        }
    )
    before, after = decide(P, known, (), NOW), decide(P, fewer, (), NOW)
    if before.action == "hold":
        assert after.action == "hold", (before.reasons, after.reasons)


def forgetful(point: OriginEvidence, data: st.DataObject) -> OriginEvidence:
    """The origin without its baseline or its coverage."""
    lost = data.draw(st.sampled_from([(), ("baseline_loss",), ("coverage",), ("baseline_loss", "coverage")]))
    return point.model_copy(update=dict.fromkeys(lost))


@given(seen())
@SETTINGS
def test_decide__without_the_losses_of_the_version_before_never_rolls_back(found: Evidence) -> None:
    blind = tuple(
        each.model_copy(update={"origins": tuple(point.model_copy(update={"previous_loss": None}) for point in each.origins)})
        for each in found.series
    )

    assert decide(P, found.model_copy(update={"series": blind}), (), NOW).action != "rollback"


@given(st.text(".oxX", min_size=4, max_size=4), st.text(".oxX ", min_size=4, max_size=4))
@SETTINGS
def test_decide__a_rollback_costs_nobody_who_did_not_ask(ratios: str, previous: str) -> None:
    other = series(ratios, previous=previous, name="B")
    verdict = decide(P, evidence(series("xxxx", previous="....", name="A"), other, released_days_ago=4.5), (), NOW)

    if verdict.action == "rollback" and verdict.scope == ("A",):
        assert " " not in previous
        assert sum(LOSS[mark] for mark in previous) <= (1 + P.scope_tolerance) * sum(LOSS[mark] for mark in ratios)


@given(st.text("oxX", min_size=2, max_size=12), st.text(".oxX", min_size=12, max_size=12), st.text(".oxX", max_size=6))
@SETTINGS
def test_decide__what_a_retrain_won_on_counts_before_it_is_rolled_back(ratios: str, previous: str, won: str) -> None:
    watched = series(ratios, previous=previous[: len(ratios)])
    unknown, known = (
        decide(P, evidence(watched, released_days_ago=len(ratios) + 0.5, won=record), (), NOW).action for record in ("", won)
    )

    if known == "rollback":
        assert unknown == "rollback"
        mine = sum(LOSS[mark] for mark in ratios) + len(won) * LOSS["."]
        theirs = sum(LOSS[mark] for mark in previous[: len(ratios)] + won)
        assert mine > P.ratio_near * theirs or all(mark == "X" for mark in ratios)
    if unknown == "rollback":
        assert known in ("rollback", "retrain")


@given(
    seen(),
    st.lists(st.sampled_from([0, 1, 1.5, 2.5, 4, 9]), min_size=3, max_size=3),
    st.sampled_from([4.5, 13, 30]),
    st.booleans(),
)
@SETTINGS
def test_decide__never_acts_on_stale_evidence_of_one_series(
    found: Evidence, ages: list[float], released: float, divisible: bool
) -> None:
    release = found.releases[-1].model_copy(update={"at": NOW - released * DAY})
    told = tuple(older(each, age * DAY) for each, age in zip(found.series, ages, strict=True))
    mixed = found.model_copy(update={"series": told, "releases": (release,), "slices": (), "divisible": divisible})
    fresh = tuple(each for each in told if NOW - newest(each, release) <= P.max_evidence_age)
    stale = {each.name for each in told if each not in fresh}

    verdict = decide(P, mixed, (), NOW)

    assert verdict.action == "hold" or not stale & set(verdict.scope or "ABC")
    assert "page" in verdict.side_effects or not stale
    if fresh and divisible:
        alone = decide(P, mixed.model_copy(update={"series": fresh}), (), NOW)
        assert verdict.action == alone.action
        assert verdict.action == "hold" or set(verdict.scope or "ABC") == set(alone.scope or [each.name for each in fresh])


def older(given: SeriesEvidence, age: timedelta) -> SeriesEvidence:
    """The same, as if nothing had been scored since."""
    points = tuple(point.model_copy(update={"origin": point.origin - age}) for point in given.origins)
    return given.model_copy(update={"origins": points, "level_since": given.level_since and given.level_since - age})


def newest(given: SeriesEvidence, release: Release) -> datetime:
    """The newest origin since the release; the release where there is none."""
    return max((point.origin for point in given.origins if point.origin >= release.at), default=release.at)


@given(seen(), st.floats(3.01, 50))
@SETTINGS
def test_decide__never_acts_on_old_evidence_or_evidence_from_the_future(found: Evidence, days: float) -> None:
    assert decide(P, found, (), NOW + days * DAY).action == "hold"
    assert decide(P, found, (), NOW - days * DAY).action == "hold"
