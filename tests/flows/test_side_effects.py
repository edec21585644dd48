"""What goes with a verdict: the refresh flow is started once, faulty rows are set aside, a failure is told and no more."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.side_effects import carry_out
from model_code.data.set_aside import aside_at
from model_code.evidence import DataFault, Evidence
from model_code.installation import Installation
from model_code.policy import decide
from model_code.specification import Policy
from monitoring.judgement import Judgement
from tests.flows.running import Runs
from tests.flows.small import NAME, PRESENT, Stages

LOG = logging.getLogger("tests")


def seen(**changes: object) -> Judgement:
    """Evidence that nothing is known of, but the changes."""
    evidence = Evidence.model_validate({"usecase": NAME, "at": PRESENT, **changes})
    return Judgement(evidence, decide(Policy(), evidence, (), PRESENT))


def stuck() -> DataFault:
    facts = {"kind": "stuck", "feed": "load", "entity": "north", "column": "load", "since": PRESENT - timedelta(hours=6)}
    return DataFault.model_validate(facts | {"statistic": 9.0, "threshold": 3.0, "text": "load of north is stuck"})


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Installation:
    return stages.copy("refreshed", tmp_path / "home")


def test_carry_out__sets_aside_what_the_faults_name(place: Installation) -> None:
    judged = seen(data_age=timedelta(hours=1), data_faults=(stuck(),))

    done = carry_out(place, judged, PRESENT, LOG)

    aside = aside_at(place.store.quarantined(NAME, "load"), PRESENT)
    assert done == {"quarantine": f"{len(aside)} rows set aside"}
    assert set(aside["entity"]) == {"north"}


def test_carry_out__nothing_to_do_is_nothing_done(place: Installation) -> None:
    assert carry_out(place, seen(data_age=timedelta(hours=1)), PRESENT, LOG) == {}


def test_carry_out__a_failure_is_told_and_raises_nothing(
    stages: Stages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    without_tables = stages.copy("empty", tmp_path / "other")

    done = carry_out(without_tables, seen(data_age=timedelta(hours=1), data_faults=(stuck(),)), PRESENT, LOG)

    assert done["quarantine"].startswith("failed: ")
    assert "side effect quarantine failed" in caplog.text


def test_carry_out__starts_one_refresh_however_often_it_is_asked(runs: Runs, place: Installation, prefect_api: str) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        told = [carry_out(place, seen(), datetime(2031, 5, 1, 7, minute, tzinfo=UTC), LOG) for minute in (1, 30)]

    assert told[0]["refresh"].startswith("started ")
    assert told[0] == told[1]
    runs.wait_for_processes()
