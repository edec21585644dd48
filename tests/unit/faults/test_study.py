"""The study's own parts: what is injected, which weeks count, how figures come from verdicts."""

import numpy as np
import pytest

from benchmarks.drift import develop, noise, page, registered, results, years
from benchmarks.drift.calibrate import calibrated
from benchmarks.drift.counted import Counted, counted
from benchmarks.drift.injections import Injection, injected
from benchmarks.drift.oracle import reachable
from benchmarks.drift.ours import Changed, World
from benchmarks.drift.panels import Panel
from benchmarks.drift.registered import Part
from benchmarks.drift.rivals import Said
from benchmarks.drift.walk import TESTS, WARM_UP, Fold, Test, Told, cut, statistics
from model_code.faults.grid import DayGrid
from model_code.faults.profile import learn_column
from model_code.faults.thresholds import thresholds

FIRST = 10


def grid(days: int = 24, start: str = "2015-01-05") -> DayGrid:
    hours = 100.0 + np.arange(days * 24).reshape(days, 24, 1) % 24 + 0.01 * np.arange(days)[:, None, None]
    return DayGrid(
        np.datetime64(start) + np.arange(days), ("A", "B", "C"), np.concatenate([hours, 3 * hours, 1.1 * hours], axis=2)
    )


def change(kind: str, sign: int = 1, partner: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    before = grid()
    after = injected(before, Injection(kind, "p", 0, FIRST, sign, partner), FIRST)
    assert np.array_equal(after.values[:FIRST], before.values[:FIRST])
    return before.values[FIRST:], after.values[FIRST:]


@pytest.mark.parametrize("sign", [1, -1])
def test_injected__level_and_scale_are_of_the_registered_size(sign: int) -> None:
    before, after = change("level", sign)
    assert np.allclose(after[:, :, 0] / before[:, :, 0], 1 + sign * 0.05)
    before, after = change("scale", sign)
    assert np.allclose(after[:, :, 0].mean(axis=1), before[:, :, 0].mean(axis=1))
    assert np.allclose(np.ptp(after[:, :, 0], axis=1) / np.ptp(before[:, :, 0], axis=1), 1 + sign * 0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_injected__a_clock_moves_every_value_by_an_hour(sign: int) -> None:
    before, after = change("clock", sign)
    whole, moved = before[:, :, 0].ravel(), after[:, :, 0].ravel()
    assert np.allclose(moved[1:-1], whole[:-2] if sign > 0 else whole[2:])
    assert np.array_equal(before[:, :, 1:], after[:, :, 1:])


def test_injected__stuck_keeps_the_last_value_and_swapped_exchanges() -> None:
    _, after = change("stuck")
    assert set(after[:, :, 0].ravel()) == {grid().values[FIRST - 1, -1, 0]}
    before, after = change("swapped", partner=2)
    assert np.array_equal(after[:, :, [0, 2, 1]], before[:, :, [2, 0, 1]])


def test_counted__leaves_out_years_of_holes_and_of_drift_and_says_why() -> None:
    years = grid(800, "2014-01-01")
    years.values[400:420, :, 1] = np.nan
    years.values[365:, :, 2] *= 1.2
    part = Part("p", years.entities, ((np.datetime64("2015-01-01"), np.datetime64("2015-12-31")),))
    found = counted(Panel("p", years, np.zeros((800, 3, 0))), part)
    assert found.kept == ("A 2015-01-01..2015-12-31",)
    assert [line.split(": ")[1][:9] for line in found.excluded] == ["5% of its", "mean load"]
    assert len(found.weeks) == 51
    assert {(int(years.days[last].astype(int)) + 3) % 7 for _, last in found.weeks} == {6}


def test_told__counts_what_was_asked_and_ranks_by_score() -> None:
    said = Said(
        [0.1, 0.2, float("nan"), 3.0], [False, False, False, True], [[0.5, 2.0], [4.0, 0.0]], [[False, True], [True, False]]
    )

    class One:
        def __init__(self, kind: str) -> None:
            self.change = Injection(kind, "p", 0, 0, 1)

    told = results.told("x", said, [One("level"), One("clock")], [(0, 1), (1, 2), (1, 3)])  # type: ignore[list-item]
    assert told["false_alarms_per_entity_year"] == pytest.approx(52 / 3, abs=0.01)
    assert (told["found"], told["found_in_first_week"], told["by_kind"]["level"]) == (2, 1, "1 of 1")
    assert told["auc"] == pytest.approx(0.75)


def test_noise__is_what_a_fortnights_level_wanders_by_and_small_changes_are_marked_out_of_reach() -> None:
    chance, days = np.random.default_rng(2), 800
    shape = 1 + 0.3 * np.sin((np.arange(24) - 8) * np.pi / 12)
    left = 0.01 * chance.normal(size=(days, 24, 2)) + np.array([0.01, 0.06]) * chance.normal(size=(days, 1, 2))
    panel = DayGrid(np.datetime64("2020-01-01") + np.arange(days), ("quiet", "loud"), 1000 * shape[:, None] * np.exp(left))
    profile = learn_column(panel)
    quiet, loud = noise.noise(profile, "quiet", "level"), noise.noise(profile, "loud", "level")
    assert quiet is not None
    assert loud is not None
    expected = 100 * 0.01 * np.sqrt(1 / 14 + 1 / 49)
    assert 0.6 * expected < quiet < 2 * expected
    assert 3 * quiet < loud
    first, second = noise.table({"p": profile}, thresholds()).splitlines()[2:]
    assert first.startswith("| loud |")
    assert "**" in first
    assert "**" not in second.split("|")[3]


def test_scored_on__does_not_change_with_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    before, told = registered.scored_on(), registered.registration()
    monkeypatch.setattr(registered, "registration", lambda: {**told, "budget_per_entity_year": {}, "revisions": []})
    assert registered.scored_on() == before
    monkeypatch.setattr(registered, "registration", lambda: {**told, "refit_days": 1})
    assert registered.scored_on() != before


def test_calibrated__keeps_each_tests_budget_and_no_run_within_its_own_limit_is_stuck() -> None:
    values = np.random.default_rng(5).exponential(size=5200)
    budget = registered.registration()["budget_per_entity_year"]
    limits = calibrated({test: list(values / 10 if test.kind is None else values) for test in TESTS})
    for test in TESTS[:-1]:
        assert test.kind is not None
        broken = (values > limits.of(test.kind, test.days)).sum() / 100
        assert broken == pytest.approx(budget[test.name], abs=0.02)
    assert limits.stuck == 1.0
    assert limits.least == registered.registration()["least"]


def test_told__is_measured_by_the_larger_of_threshold_and_least_change() -> None:
    limits = thresholds().model_copy(update={"level": {7: 4.0, 14: 3.0}, "least": {"level": 0.02}})
    told = Told(np.array([[6.0, -6.0], [np.nan, 1.0]]), np.array([100.0, 600.0]))
    assert np.allclose(told.ratios(Test("level", 14), limits), [[2.0, 0.5], [0.0, 1 / 12]])


def test_reachable__finds_what_stands_out_of_the_areas_own_weeks_in_the_direction_it_went() -> None:
    test, days = Test("level", 14), np.arange(0, 700, 7)
    score = np.zeros((700, 1))
    score[days, 0] = np.linspace(-3, 3, len(days))
    weeks = Counted(tuple((0, int(day)) for day in days), (), ())
    panel = Panel(
        "p", DayGrid(np.datetime64("2015-01-05") + np.arange(700), ("A",), np.ones((700, 24, 1))), np.zeros((700, 1, 0))
    )
    world = World(panel, weeks, [], {}, score, {test: Told(score, np.zeros(1))}, np.zeros((700, 24, 1)))
    changes = [
        Changed(Injection("level", "p", 0, 7, sign, None), np.zeros(14), {test: last}, np.zeros((14, 24)), np.zeros((14, 24)))
        for sign, last in ((1, 2.9), (1, 2.0), (-1, -2.9), (-1, 2.9), (1, np.nan))
    ]
    assert reachable({"p": world}, changes)["level"] == "2 of 5"


def wandering(days: int = 800) -> Panel:
    """Areas that share their weather: two quiet ones, which tell it to each other, and a loud one."""
    chance = np.random.default_rng(7)
    shape = 1 + 0.3 * np.sin((np.arange(24) - 8) * np.pi / 12)
    weather = 0.05 * chance.normal(size=(days, 1, 1))
    left = weather + 0.008 * chance.normal(size=(days, 24, 3)) + np.array([0.008, 0.008, 0.15]) * chance.normal(size=(days, 1, 3))
    since = np.datetime64("2020-01-06") + np.arange(days)  # a Monday
    return Panel("p", DayGrid(since, ("quiet", "calm", "loud"), 1000 * shape[:, None] * np.exp(left)), np.zeros((days, 3, 0)))


@pytest.mark.parametrize("kind", develop.SOUGHT)
def test_put__is_what_judging_the_changed_panel_as_a_whole_tells(kind: str) -> None:
    panel, begin, first = wandering(), 700, 728
    fold = Fold(learn_column(cut(panel.grid, 0, begin)), begin, len(panel.grid.days))
    change = Injection(kind, "p", 0, first, -1)
    left = fold.profile.normal.remainders(cut(panel.grid, begin - WARM_UP, fold.end))["quiet"]
    found = develop.put(panel, fold, left, change)
    after = injected(cut(panel.grid, begin - WARM_UP, first + 14), change, first - begin + WARM_UP)
    told = statistics(fold.profile, after, np.zeros((len(after.days), 3, 0)))
    assert set(found.scores) == set(develop.ASKED)
    for test, score in found.scores.items():
        assert score == pytest.approx(np.abs(told[test].score[[-8, -1], 0]).max())


def test_puts__finds_in_the_quiet_area_what_the_loud_one_hides_and_asks_only_weeks_whose_next_week_counts() -> None:
    panel, begin = wandering(), 700
    fold = Fold(learn_column(cut(panel.grid, 0, begin)), begin, len(panel.grid.days))
    lasts = [last for last in range(706, len(panel.grid.days), 7) if last != 748]
    done = {place: list(develop.puts(panel, Counted(tuple((place, last) for last in lasts), (), ()), [fold])) for place in (0, 2)}
    asked = [last for last in lasts if last + 7 in lasts]
    assert [len(done[place]) for place in (0, 2)] == [4 * len(asked)] * 2
    quiet, loud = (np.mean([one.found(thresholds()) for one in done[place] if one.kind == "level"]) for place in (0, 2))
    assert quiet == 1.0
    assert loud < 0.5
    assert "| level | 100.0 | 100.0 |" in develop.table(thresholds(), done[0])


def test_years__count_every_alarm_in_its_year_and_none_elsewhere() -> None:
    ours = {
        "alarms": ["NYC week to 2012-07-15: scale-14 1.09 times its threshold", "SCL week to 2017-01-15: level-14 1.16 times its threshold"],
        "excluded": ["NYC 2017-01-01..2017-12-31: 7% of its hours are missing"],
    }  # fmt: skip

    counts, lines = years.by_year(ours), years.table(ours).splitlines()

    assert (counts["NYC", "2012-01-01", "2012-12-31"], counts["SCL", "2016-07-01", "2017-06-30"]) == (1, 1)
    assert sum(counts.values()) == 2
    assert len(counts) == 11 * 11 + 7 * 2 - 1
    assert "| NYC | 0 | 0 | 0 | 0 | 0 | 1 | 0 | 0 | 0 | 0 | – | 0.1 |" in lines
    assert lines[-1].startswith("2 false alarms in 134 counted years of areas: 132 with 0, 2 with 1,")
    with pytest.raises(ValueError, match="no counted year"):
        years.by_year(ours | {"alarms": ["NYC week to 2017-07-15: scale-14 1.09 times its threshold"]})


def test_page__says_who_was_asked_about_fewer_weeks() -> None:
    whole, part = ({"name": name, "entity_years": told} for name, told in (("A", 109.4), ("B", 6.9)))

    (told,) = page.asked({"entity_years": 109.4, "contestants": [whole, part]})

    assert "B spoke about 6.9 of the 109.4 entity-years alone" in told
    assert page.asked({"entity_years": 109.4, "contestants": [whole]}) == []
