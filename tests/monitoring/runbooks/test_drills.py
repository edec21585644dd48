"""Every alert of the rules has a drill that proves its runbook, or a reason why not; and a proof can fail."""

import re
from pathlib import Path

import pytest

from model_code.metrics.promql import EXPORTER_JOB
from monitoring.rules.ruleset import runbook_names
from tests.monitoring.runbooks.drills import DRILLS, NOT_DRILLED, table
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.scrape import Scrape

HERE = Path(__file__).parent
TOLD = HERE.parents[2] / "docs" / "rules.md"
COUNTER = "# TYPE evenkeel_n_total counter\nevenkeel_n_total"
DOWN, UP = Scrape(EXPORTER_JOB, "127.0.0.1:1", 0.0, up=False), Scrape(EXPORTER_JOB, "127.0.0.1:1", 0.0)


def test_alerts__each_has_a_drill_or_a_reason() -> None:
    assert DRILLS.keys() | NOT_DRILLED.keys() == set(runbook_names())
    assert not DRILLS.keys() & NOT_DRILLED.keys()
    assert all(len(reason.split()) >= 5 for reason in NOT_DRILLED.values())


def test_drills__each_is_proven_by_a_test() -> None:
    proven = re.findall(
        r'\bprove\(\s*"(\w+)"', "".join(path.read_text() for path in HERE.glob("test_*.py") if path != Path(__file__))
    )
    assert sorted(set(proven)) == sorted(DRILLS)


def test_drills__are_told_in_the_docs() -> None:
    assert table() in TOLD.read_text(), f"put this into {TOLD.name}:\n{table()}"


@pytest.mark.parametrize(("broken", "mended"), [(UP, UP), (DOWN, DOWN)], ids=["never fires", "stays"])
def test_proof__fails_where_the_alert_does_not_fire_or_does_not_end(broken: Scrape, mended: Scrape) -> None:
    with pytest.raises(AssertionError, match="EvenkeelExporterDown"):
        prove("EvenkeelExporterDown", [broken], [mended], job=EXPORTER_JOB)


def test_proof__fails_where_the_alert_is_about_something_else() -> None:
    with pytest.raises(AssertionError, match="EvenkeelExporterDown"):
        prove("EvenkeelExporterDown", [DOWN], [UP], job="another")


def test_scrape__holds_ages_and_goes_on_counting() -> None:
    before, latest = (Scrape.read("job", f"{COUNTER} {n}\nevenkeel_t_timestamp_seconds 40\n", at=100) for n in (1, 3))
    held = {series.metric: series.values for series in latest.held(5, before)}
    assert held == {
        "up": "1+0x5",
        "evenkeel_n_total": "1.000000+2.000000x5",
        "evenkeel_t_timestamp_seconds": "-60.000+60x5",
    }


def test_scrape__what_was_never_counted_before_comes_into_being_and_stands_still() -> None:
    latest = Scrape.read("job", f"{COUNTER} 3\n")
    assert [series.values for series in latest.held(5, Scrape("job", "a", 0.0))] == ["1+0x5", "_ 3.000000+0x4"]
