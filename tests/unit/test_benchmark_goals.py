"""Benchmarks with stated goals can say no: a missed one is named, and is an exit code other than 0."""

import json
from copy import deepcopy
from typing import Any

import pytest

from benchmarks import forecast_latency
from benchmarks.drift import page as drift
from benchmarks.goals import Goal, exit_code
from benchmarks.monitoring.page import tests_goals as of_tests  # else pytest takes it for a test
from benchmarks.monitoring.page import watch_goals
from benchmarks.sections import RESULTS


def result_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def missed(goals: list[Goal]) -> list[str]:
    return [goal.what for goal in goals if not goal.met]


@pytest.mark.parametrize(
    ("goal", "told"),
    [
        (Goal("seconds", 2.0, 2.0), "met: seconds 2, goal at most 2"),
        (Goal("seconds", 2.01, 2.0), "MISSED: seconds 2.01, goal at most 2"),
        (Goal("found, %", 95.0, 95.0, at_least=True), "met: found, % 95, goal at least 95"),
        (Goal("found, %", 94.9, 95.0, at_least=True), "MISSED: found, % 94.9, goal at least 95"),
        (Goal("seconds", float("nan"), 2.0), "MISSED: seconds nan, goal at most 2"),
    ],
)
def test_goal__says_whether_its_bound_is_kept(goal: Goal, told: str) -> None:
    assert str(goal) == told


def test_exit_code__one_missed_is_1_and_each_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    kept, over = Goal("seconds", 1.0, 2.0), Goal("MB", 3.0, 2.0)

    assert (exit_code([kept]), exit_code([kept, over])) == (0, 1)
    assert capsys.readouterr().out.splitlines()[1:] == [str(kept), str(over)]


@pytest.mark.parametrize(
    ("key", "value", "what"), [("p50_ms", 10.1, "p50 of 24 hours, ms"), ("p99_ms", 30.1, "p99 of 24 hours, ms")]
)
def test_forecast_latency__the_first_use_case_keeps_the_promise_or_not(key: str, value: float, what: str) -> None:
    result = result_of("forecast_latency")
    assert "kept." in forecast_latency.section(result)

    result["forecasts"][0]["questions"]["another origin each time"][key] = value

    assert missed([*forecast_latency.goals(result["forecasts"])]) == [what]
    assert "**missed**." in forecast_latency.section(result)


@pytest.mark.parametrize(
    ("place", "key", "value", "what"),
    [
        (("tests", "ours_whole", "1000000"), "seconds", 2.1, "drift run of 1 million rows, seconds"),
        (("tests", "ours_whole", "1000000"), "peak_mb", 501, "drift run of 1 million rows, peak MB"),
        (("watch",), "seconds", 30.1, "monitor run, seconds"),
        (("watch",), "peak_mb", 1025, "monitor run, peak MB"),
    ],
)
def test_monitoring__each_figure_over_its_goal_is_named(place: tuple[str, ...], key: str, value: float, what: str) -> None:
    result = result_of("monitoring")
    assert missed([*of_tests(result), *watch_goals(result)]) == []

    told = result
    for name in place:
        told = told[name]
    told[key] = value

    assert missed([*of_tests(result), *watch_goals(result)]) == [what]


def test_drift__what_is_found_and_each_panels_false_alarms_are_judged() -> None:
    kept = result_of("drift")
    kept["contestants"][0] |= {"name": "Evenkeel", "false_alarms_per_entity_year": 2.0, "found": 190, "of": 200}
    for panel in kept["ours"]["panels"].values():
        panel["false_alarms_per_entity_year"] = 2.0
    assert missed(drift.goals(kept)) == []

    fewer, restless, panelled = (deepcopy(kept) for _ in range(3))
    fewer["contestants"][0]["found"] = 189
    restless["contestants"][0]["false_alarms_per_entity_year"] = 2.1
    panelled["ours"]["panels"]["ba_scoring"]["false_alarms_per_entity_year"] = 2.1

    assert [missed(drift.goals(each)) for each in (fewer, restless, panelled)] == [
        ["injections found, %"],
        ["false alarms per entity-year, all areas"],
        ["false alarms per entity-year, ba_scoring"],
    ]


def test_drift__the_committed_result_misses_what_its_page_says() -> None:
    assert missed(drift.goals(result_of("drift"))) == ["false alarms per entity-year, ba_scoring", "injections found, %"]
