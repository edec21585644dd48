"""The benchmark from breach to rollback can say no: a median over the goal of its worker and scrape is an exit code other than 0."""

import json
from pathlib import Path

import pytest

from benchmarks import breach, breach_page
from benchmarks.breach_page import PLAIN, WARM

PAGE = "# A page\n\n<!-- breach -->\n<!-- /breach -->\n"


def rounds(*seconds: float) -> list[dict[str, float]]:
    return [dict.fromkeys(breach.STAGES, each) for each in seconds]


@pytest.mark.parametrize(
    ("worker", "scrape", "seconds", "told"),
    [
        (WARM, 1.0, (7.0, 9.9, 60.0), "met: rollback done after, seconds (median) 9.9, goal at most 10"),
        (WARM, 1.0, (7.0, 10.1, 11.0), "MISSED: rollback done after, seconds (median) 10.1, goal at most 10"),
        (PLAIN, 1.0, (7.0, 19.9, 60.0), "met: rollback done after, seconds (median) 19.9, goal at most 20"),
        (PLAIN, 1.0, (20.1,), "MISSED: rollback done after, seconds (median) 20.1, goal at most 20"),
        (WARM, 30.0, (74.0, 76.0, 76.0), "MISSED: rollback done after, seconds (median) 76, goal at most 75"),
    ],
)
def test_goal__the_median_against_that_of_its_worker_and_scrape(
    worker: str, scrape: float, seconds: tuple[float, ...], told: str
) -> None:
    assert str(breach_page.goal(worker, scrape, rounds(*seconds))) == told


@pytest.mark.parametrize(("worker", "scrape"), [(WARM, 7.5), (PLAIN, 30.0)])
def test_goal__where_nothing_is_stated_there_is_none(worker: str, scrape: float) -> None:
    assert breach_page.goal(worker, scrape, rounds(500.0)) is None


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results and README of their own."""
    monkeypatch.setattr(breach, "RESULT", tmp_path / "breach.json")
    monkeypatch.setattr(breach_page, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(PAGE)
    return tmp_path


def play(monkeypatch: pytest.MonkeyPatch, seconds: float, *arguments: str) -> int:
    """With rounds that are told instead of played: the stack has tests of its own."""
    monkeypatch.setattr(breach, "played", lambda count, scrape, worker: rounds(*[seconds] * count))
    monkeypatch.setattr("sys.argv", ["breach", *arguments])
    return breach.main()


@pytest.mark.parametrize(("seconds", "worker", "code"), [(1.0, WARM, 0), (11.0, WARM, 1), (11.0, PLAIN, 0), (21.0, PLAIN, 1)])
def test_main__exits_with_1_over_the_goal(
    seconds: float, worker: str, code: int, monkeypatch: pytest.MonkeyPatch, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(monkeypatch, seconds, "--rounds", "2", "--worker", worker) == code

    told = json.loads((kept / "breach.json").read_text())[f"{worker}/1"]
    assert (len(told["rounds"]), len(told["commit"].rstrip("+")), len(told["day"])) == (2, 12, 10)
    assert f"goal at most {breach_page.GOALS[worker, 1.0]:g}" in capsys.readouterr().out
    assert f"{seconds:.1f} s, {'**missed**' if code else 'met'}" in (kept / "README.md").read_text()


def test_main__quick_keeps_nothing(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    assert play(monkeypatch, 11.0, "--quick") == 1

    assert not (kept / "breach.json").exists()
    assert (kept / "README.md").read_text() == PAGE


def test_keep__leaves_the_rows_of_others(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    for worker in (WARM, PLAIN):
        play(monkeypatch, 5.0, "--rounds", "1", "--worker", worker)

    assert sorted(json.loads((kept / "breach.json").read_text())) == ["plain/1", "warm/1"]


def test_section__a_goal_that_was_not_measured_says_so() -> None:
    assert breach_page.section({}).count("not measured yet") == len(breach_page.GOALS)
