"""The benchmark from breach to rollback can say no: a median over the goal of its scrape interval is an exit code other than 0."""

import json
from pathlib import Path

import pytest

from benchmarks import breach


def rounds(*seconds: float) -> list[dict[str, float]]:
    return [dict.fromkeys(breach.STAGES, each) for each in seconds]


@pytest.mark.parametrize(
    ("scrape", "seconds", "kept", "told"),
    [
        (1.0, (7.0, 9.9, 60.0), True, "rollback done after 9.9 s (median), goal 10 s: met"),
        (1.0, (7.0, 10.1, 11.0), False, "rollback done after 10.1 s (median), goal 10 s: MISSED"),
        (30.0, (74.0, 76.0, 76.0), False, "rollback done after 76.0 s (median), goal 75 s: MISSED"),
        (7.5, (500.0,), True, "rollback done after 500.0 s (median)"),
    ],
)
def test_judged__the_median_against_the_goal_of_its_scrape(
    scrape: float, seconds: tuple[float, ...], kept: bool, told: str
) -> None:
    assert breach.judged(scrape, rounds(*seconds)) == (told, kept)


@pytest.mark.parametrize(("seconds", "code"), [(1.0, 0), (11.0, 1)])
def test_main__exits_with_1_over_the_goal(
    seconds: float, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a round that is told instead of played: the stack has tests of its own."""
    monkeypatch.setattr(breach, "played", lambda count, scrape: rounds(*[seconds] * count))
    monkeypatch.setattr(breach, "RESULT", tmp_path / "breach.json")
    monkeypatch.setattr("sys.argv", ["breach", "--rounds", "2"])

    assert breach.main() == code
    assert len(json.loads((tmp_path / "breach.json").read_text())["1"]["rounds"]) == 2
    assert "goal 10 s" in capsys.readouterr().out
