"""The table of the cluster's benchmark: a goal is met by figures, never by their absence."""

import functools
from datetime import date
from pathlib import Path

import pytest

from benchmarks.cluster.page import MET, MISSED, table
from benchmarks.cluster.taken import taken
from tests.e2e import figures as leaving
from tests.e2e.figures import Checks, tell

ROLLOUTS = {"count": 50, "answered": 9_000, "failed": 0, "lost": 0}
DAY = {"day": "2026-11-22"}
SCALE = {"out_s": 40.0, "back_s": 50.0, "failed": 0, "answered": 900, "lost": 0}


def lines(figures: dict[str, object]) -> list[str]:
    return table(figures).splitlines()[2:]


def test_table__tells_what_was_measured_and_whether_it_meets_its_goal() -> None:
    (line,) = lines({"helm": {"seconds": [4.0, 6.0, 9.5], "failed": 0}})

    what = "rollback by Helm → the last answer of a pod of the newer image"
    assert line == f"| {what} | 6.00 s median, 9.50 s at most of 3 | ≤ 10 s | {MET} |"


def test_table__tells_a_cold_start_with_and_without_the_image() -> None:
    cold = {"seconds": 40.0, "database_s": 9.0, "deployed_s": 30.0, "image_s": 270.0}
    there, built = lines({"cold": cold})

    assert there.endswith(f"| 40 s (database 9 s, service 30 s) | ≤ 60 s | {MET} |")
    assert built.endswith(f"| 310 s (image 270 s) | ≤ 300 s | {MISSED} |")


def test_table__counts_the_worst_and_every_failed_request() -> None:
    missed = [
        {"weight": {"seconds": [0.2, 3.1], "failed": 0}},
        {"weight": {"seconds": [0.2], "failed": 1}},
        {"rollouts": ROLLOUTS | {"failed": 1}},
        {"rollouts": ROLLOUTS | {"lost": 1}},
        {"rollouts": ROLLOUTS | {"answered": 0}},
        {"scale": SCALE | {"failed": 1}},
        {"latency": {"rounds": [{}], "added_p50_ms": 0.4, "added_p99_ms": 3.2}},
        {"bad-releases": {"failing": DAY | {"answered": 94, "failed": 6}}},
        {"bad-releases": {"slow": DAY | {"answered": 94, "failed": 0}, "crashing": DAY | {"answered": 94, "failed": 1}}},
        {"bad-releases": {"slow": DAY | {"answered": 0, "failed": 0}}},
        {"faults": {"deleted": DAY | {"answered": 900, "failed": 1, "lost": 0}}},
        {"faults": {"killed": DAY | {"answered": 94, "failed": 6, "lost": 0}}},
        {"faults": {"killed": DAY | {"answered": 94, "failed": 0, "lost": 1}}},
        {"faults": {"kubelet": DAY | {"answered": 0, "failed": 0, "lost": 0}}},
        {"charts": {"rendered": DAY | {"passed": 300, "failed": 1}}},
        {"charts": {"rendered": DAY | {"passed": 0, "failed": 0}}},
        {"cold": {"seconds": 61.0, "database_s": 9.0, "deployed_s": 50.0, "image_s": 9.0}},
    ]

    for figures in missed:
        assert MISSED in lines(figures)[0], figures
    assert MET in lines({"rollouts": ROLLOUTS})[0]
    assert MET in lines({"scale": SCALE})[0]


def test_table__has_no_line_for_what_was_not_measured() -> None:
    assert lines({}) == []


def test_table__takes_over_what_tests_told(tmp_path: Path) -> None:
    on = date(2026, 11, 22)
    tell("bad-releases", "failing", answered=390, failed=5, day=on, folder=str(tmp_path))
    tell("faults", "killed", answered=523, failed=20, lost=0, day=on, folder=str(tmp_path))
    tell("faults", "hung", answered_at_least=90, failed=0, lost=0, hung=60.0, day=on, folder=str(tmp_path))
    before = {
        "faults": {
            "killed": DAY | {"answered": 9, "failed": 9, "lost": 9},
            "deleted": {"day": "2026-11-21", "answered": 80, "failed": 0, "lost": 0},
        }
    }

    caught, deleted, killed, hung = lines(taken(tmp_path, before))

    assert caught.endswith(f"| 5 of 395 requests touched (1.3 %; 2026-11-22) | ≤ 5 % touched | {MET} |")
    assert deleted.endswith(f"| 0 of 80 requests failed (2026-11-21), 0 predictions lost | 0 failed, 0 lost | {MET} |")
    assert killed.endswith(
        f"| 20 of 543 requests failed (3.7 %; 2026-11-22), 0 predictions lost | ≤ 5 % failed, 0 lost | {MET} |"
    )
    assert "hangs for 60 s" in hung
    assert "0 of at least 90 requests failed" in hung


def test_taken__refuses_a_folder_that_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="E2E_FIGURES"):
        taken(tmp_path, {})


def test_tell__leaves_nothing_where_nobody_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tell("faults", "killed", folder="", failed=0)

    assert list(tmp_path.iterdir()) == []


def test_checks__count_what_held_and_what_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "tell", functools.partial(tell, folder=str(tmp_path)))
    checks = Checks("installed", "tests/e2e/test_chart_")
    for when, outcome in [("setup", "passed"), ("call", "passed"), ("call", "skipped"), ("call", "failed"), ("setup", "failed")]:
        checks.count(pytest.TestReport(f"tests/e2e/test_chart_{outcome}.py::test_x", ("", 0, ""), {}, outcome, None, when))
    for other in ("tests/chart/test_values.py::test_chart__x", "tests/e2e/test_canary.py::test_x"):
        checks.count(pytest.TestReport(other, ("", 0, ""), {}, "passed", None, "call"))
    checks.tell()

    (charts,) = lines(taken(tmp_path, {}))
    assert "on a cluster failed, passed |" in charts
    assert "1 of 3 installed hold" in charts
    assert charts.endswith(f"| all hold | {MISSED} |")
