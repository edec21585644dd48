"""Drills of one seed, below Prefect: each ends as it must; the checks see where it does not."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from flows.demo.scenario import USECASE
from flows.drill import __main__ as program
from flows.drill.checks import Outcome, check
from flows.drill.course import Course
from flows.drill.draws import DRAWS, draw
from flows.drill.loop import Loop
from flows.drill.script import DAY, LOOK_AT, Script
from model_code.evidence import Evidence
from model_code.ledger import Entry
from model_code.policy import Verdict
from monitoring.judgement import VERDICT

pytestmark = pytest.mark.xdist_group("loop")  # one home with a first model serves them all


def played(started: Path, folder: Path, script: Script) -> tuple[Course, Outcome]:
    loop = Loop(started, folder / "home", script)
    loop.play()
    course = Course.of(loop.place)
    return course, check(script, course)


def told(outcome: Outcome) -> str:
    """For the message of a failed test."""
    return "\n".join([*map(str, outcome.findings), *outcome.harms])


@pytest.mark.timeout(600)
def test_drill__a_bad_release_is_rolled_back(started: Path, tmp_path: Path) -> None:
    script = draw("bad_release", 3).model_copy(update={"lead_in": 1, "days": 6})
    course, outcome = played(started, tmp_path, script)
    assert outcome.right, told(outcome)
    (back,) = course.rollbacks
    assert (back.from_version, back.to_version, course.forced) == ("2", "1", {"2"})


@pytest.mark.timeout(600)
def test_drill__truth_that_is_a_week_late_is_waited_for(started: Path, tmp_path: Path) -> None:
    script = draw("truth_delayed", 1).model_copy(update={"lead_in": 2, "days": 13})
    _, outcome = played(started, tmp_path, script)
    assert outcome.right, told(outcome)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("days", "right"), [(1, False), (6, True)], ids=["no time to roll back", "in time"])
def test_main__tells_by_its_exit_code_whether_the_end_is_right(
    days: int, right: bool, started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = draw("bad_release", 3).model_copy(update={"lead_in": 1, "days": days})
    monkeypatch.setattr(program, "draw", lambda name, seed: script)
    monkeypatch.setattr(program, "begun", lambda: started)
    monkeypatch.setattr("sys.argv", ["drill", "bad_release", "--seed", "3", "--home", str(tmp_path / "home")])

    code, told = program.main(), capsys.readouterr().out

    assert code == (0 if right else 1)
    assert ("NOT  one rollback: 0" in told) == (not right)
    assert f"bad_release 3: {'right' if right else 'WRONG'}" in told


def held(script: Script) -> list[Entry]:
    """What a monitor leaves that only ever holds."""
    verdict = Verdict(action="hold", reasons=("on an even keel",)).model_dump(mode="json")
    return [
        Entry(phase="note", usecase=USECASE, action=VERDICT, actor="t", reason="r", at=at,
              evidence={"verdict": verdict, "seen": Evidence(usecase=USECASE, at=at).model_dump(mode="json")})
        for at in script.looks()
    ]  # fmt: skip


def moved(action: str, at: datetime, versions: tuple[str, str], *, forced: bool = False) -> Entry:
    return Entry(
        phase="done", usecase=USECASE, action=action, actor="t", reason="r", at=at, from_version=versions[0],
        to_version=versions[1], evidence={"forced": forced},
    )  # fmt: skip


def test_check__a_bad_release_that_stays_is_wrong_and_harmful() -> None:
    script = draw("bad_release", 3)
    released = moved("promote", script.begin + LOOK_AT, ("1", "2"), forced=True)
    outcome = check(script, Course([*held(script), released], "2", 4))
    assert not outcome.right
    assert ["was kept for" in harm for harm in outcome.harms] == [True]


def test_check__a_good_model_that_is_rolled_back_is_harm() -> None:
    script = draw("natural_extreme", 3)
    back = moved("rollback", script.begin + 2 * DAY, ("2", "1"))
    outcome = check(script, Course([*held(script), back], "1", 4))
    assert ["which was good, was rolled back" in harm for harm in outcome.harms] == [True]


def test_check__a_model_taught_a_fault_is_harm() -> None:
    script = draw("sensor_stuck", 3)
    taught = moved("promote", script.begin + 4 * DAY, ("1", "2"))
    outcome = check(script, Course([*held(script), taught], "2", 4))
    assert ["trained on faulty data" in harm for harm in outcome.harms] == [True]


@pytest.mark.parametrize(
    "name", ["bad_release", "demand_shift", "sensor_stuck", "missing_weather", "truth_delayed", "drift_back"]
)
def test_check__to_hold_and_say_nothing_is_wrong(name: str) -> None:
    script = draw(name, 3)
    assert not check(script, Course(held(script), "1", 4)).right


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_draw__is_the_same_for_the_same_seed_and_another_for_another(name: str) -> None:
    assert draw(name, 5) == draw(name, 5)
    assert len({draw(name, seed).world for seed in range(5)}) == 5
    for seed in range(30):
        script = draw(name, seed)
        looks = list(script.looks())
        assert looks[0] < script.begin < looks[-1]
        assert script.end is None or script.begin < script.end < looks[-1] + DAY
        assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(looks))


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(DRAWS))
def test_drill__ends_as_it_must(name: str, started: Path, tmp_path: Path) -> None:
    _, outcome = played(started, tmp_path, draw(name, 1))
    assert outcome.right, told(outcome)
