"""The drills' benchmark: what is played again, what counts as played by the code of now, and what the table says of it."""

import json
import os
import signal
from pathlib import Path

import pytest

from benchmarks import drills
from benchmarks.staged_drills import outcome_of, play_staged, staged_of
from flows.drill.draws import DRAWS, draw
from flows.drill.script import DAY, LOOK_AT


def outcome(*, right: bool = True, harms: tuple[str, ...] = (), code: str = "now") -> drills.Outcome:
    return {"right": right, "harms": list(harms), "code": code}


def test_is_played__by_any_code_or_by_one() -> None:
    played = {"bad_release/1": outcome(code="before")}
    assert drills.is_played(played, ("bad_release", 1), None)
    assert not drills.is_played(played, ("bad_release", 1), "now")
    assert not drills.is_played(played, ("bad_release", 2), None)


def test_keep__totals_tell_wrong_and_harmful(tmp_path: Path) -> None:
    results = tmp_path / "drills.json"
    drills.keep(
        {
            "bad_release/1": outcome(),
            "bad_release/2": outcome(right=False),
            "drift_back/1": outcome(right=False, harms=("a good version was rolled back",)),
        },
        {"bad_release/1": outcome()},
        "now",
        results,
    )
    told = json.loads(results.read_text())
    assert told["totals"] == {"played": 3, "right": 1, "harmful": 1, "share_right": 0.333}
    assert list(told["through_prefect"]) == ["bad_release/1"]
    assert "3 of 3 were played by the code of the loop at the last count, `now`" in drills.section(told)


@pytest.mark.parametrize(
    ("staged", "met"),
    [
        (outcome(), [True, True]),
        (outcome(right=False), [False, True]),
        (outcome(harms=("a bad version was kept",)), [True, False]),
    ],
)
def test_goals__count_what_was_played_through_prefect_along(staged: drills.Outcome, met: list[bool]) -> None:
    told = {"drills": {f"bad_release/{seed}": outcome() for seed in range(1, 10)}, "through_prefect": {"bad_release/1": staged}}

    assert [goal.met for goal in drills.goals(told)] == met


def test_table__names_the_seeds_that_went_wrong() -> None:
    table = drills.table(
        {
            "bad_release/1": outcome(code="before"),
            "bad_release/12": outcome(right=False),
            "drift_back/3": outcome(right=False, harms=("a bad version was kept",)),
        },
        "now",
    )
    assert "| `bad_release` | 2 | 1 | 1 (12) | 0 |" in table
    assert "| `drift_back` | 1 | 0 | 1 (3) | 1 (3) |" in table
    assert "| `sensor_stuck` | 0 | 0 | 0 | 0 |" in table
    assert "2 of 3 were played by the code of the loop at the last count, `now`" in table


def test_code_of_the_loop__is_what_decides_and_not_what_starts_it(tmp_path: Path) -> None:
    names = ("model_code/policy.py", "flows/drill/checks.py", "model_code/usecases/demand_victoria/usecase.yaml")
    for name in (*names, "flows/drill/__main__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("limit = 1")
    before = drills.code_of_the_loop(tmp_path)
    (tmp_path / "flows/drill/__main__.py").write_text("limit = 2")
    assert drills.code_of_the_loop(tmp_path) == before
    for name in names:
        (tmp_path / name).write_text("limit = 2")
        assert drills.code_of_the_loop(tmp_path) != before
        before = drills.code_of_the_loop(tmp_path)


SOURCE = """
from somewhere import limit
def breaches(ratio):
    'Whether it is too much.'
    return ratio > limit  # more than the limit
"""


@pytest.mark.parametrize(
    "same", [("somewhere", "elsewhere"), ("Whether it is", "If it is"), ("more than", "beyond"), ("\n", "\n\n")]
)
def test_doing__is_not_how_it_is_said(same: tuple[str, str]) -> None:
    assert drills.doing(SOURCE.replace(*same)) == drills.doing(SOURCE)


@pytest.mark.parametrize("other", [("ratio >", "ratio >="), ("> limit", "> 2 * limit"), ("(ratio)", "(ratio=1.5)")])
def test_doing__is_what_is_done(other: tuple[str, str]) -> None:
    assert drills.doing(SOURCE.replace(*other)) != drills.doing(SOURCE)


def test_play_all__begins_none_when_the_time_is_up() -> None:
    assert list(drills.play_all([("bad_release", 1)], processes=1, minutes=0.0)) == []
    assert list(play_staged([("bad_release", 1)], minutes=0.0)) == []


def test_staged_of__every_drill_once() -> None:
    assert staged_of(DRAWS) == [(name, 1) for name in DRAWS]


def test_asks__for_ten_days_from_the_begin_on() -> None:
    script = draw("flapping_metric", 1)
    asked = [(moment, *asked) for moment in script.looks() for asked in script.asks(moment)]
    assert len(asked) == 60
    assert {action for _, action, _ in asked} == {"rollback", "retrain"}
    assert (asked[0][0] - script.begin, asked[-1][0] - script.begin) == (LOOK_AT, 9 * DAY + LOOK_AT)
    assert not any(list(draw(name, 1).asks(draw(name, 1).begin)) for name in DRAWS if name != "flapping_metric")


def test_outcome_of__exit_code_findings_and_harms() -> None:
    told = ["opening", "ok  one rollback: 1", "NOT  version 1 reigns: version 2", "HARM version 2, which was bad, was kept"]
    assert outcome_of(1, told) == {
        "right": False,
        "harms": ["version 2, which was bad, was kept"],
        "unmet": ["NOT  version 1 reigns: version 2"],
        "findings": 2,
    }
    assert outcome_of(0, told[:2])["right"]


def test_told_of__names_what_went_wrong_through_prefect() -> None:
    told = drills.told_of({"bad_release/1": outcome(code="before"), "drift_back/1": outcome(right=False)}, "now")
    assert (
        "2 played, 1 right (bad_release/1, drift_back/1); wrong: drift_back/1. 1 of them by the code of the last count." in told
    )
    assert drills.told_of({}, "now") == ""


def test_play_staged__one_that_stops_by_itself_is_told_and_has_no_outcome(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_SCRAPE_SECONDS", "often")
    assert list(play_staged([("bad_release", 1)])) == []
    assert "bad_release/1 stopped with 2: " in capsys.readouterr().out


def test_play_staged__interrupted_lets_the_drill_end_what_it_started(tmp_path: Path) -> None:
    """It is interrupted by a signal that is ignored by default, sent until it is heard: one alone can fall between two reads."""
    slow = tmp_path / "python"
    ended = tmp_path / "ended"
    slow.write_text(
        f"#!/bin/sh\ntrap 'sleep 0.5; echo ending the stack; echo yes > {ended}; exit 130' TERM\n"
        "head -c 200000 /dev/zero\n"  # more than a pipe holds: once it is out, the drill is being read
        f"while kill -URG {os.getpid()}; do sleep 0.05; done\n"
    )
    slow.chmod(0o755)
    interrupts = iter([KeyboardInterrupt()])

    def interrupt_once(*_: object) -> None:
        for interrupt in interrupts:
            raise interrupt

    before = signal.signal(signal.SIGURG, interrupt_once)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(play_staged([("bad_release", 1)], python=str(slow)))
    finally:
        signal.signal(signal.SIGURG, before)

    assert ended.read_text() == "yes\n"
