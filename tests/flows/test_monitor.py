"""The monitor flow on a real server, where the report that is due cannot be made."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

from flows import monitor
from model_code.challenger import contents_of, evaluate, register
from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring.gauges import GaugeStore
from monitoring.reports import publish
from monitoring.reports.gauges import EVERY_REPORT
from tests.flows.running import Runs
from tests.flows.small import LATER, NAIVE, NAME, Stages, promote
from tests.waiting import until


def release_without_readable_limits(place: Installation) -> None:
    """The champion's limits for reports are none that this release can read; all that the policy needs is there."""
    now, seed = place.present(None), place.usecase.spec.seed
    history = place.history(now)
    evaluated = evaluate(place.usecase, history, now, [NAIVE], seed=seed)
    made = contents_of(place.usecase, history, now, evaluated, seed=seed)
    ref = place.bundles.write(replace(made, profile=made.profile | {"shift": {"of": "another release"}}))
    promote(place, register(place, ref, evaluated))


def test_monitor__where_a_due_report_cannot_be_made_judges_and_logs_why(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("changed", tmp_path / "home")
    release_without_readable_limits(place)
    assert publish.due(place, place.present(LATER))

    run = runs.complete("monitor", place, now=LATER.isoformat())

    assert [entry.at for entry in place.ledger.entries(NAME) if entry.action == "verdict"] == [LATER]
    assert "evenkeel_verdict" in {gauge.name for gauge in GaugeStore(place.sql).read()}
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    said = until(lambda: [log.message for log in runs.client.read_logs(of_run) if "no report, though one is due" in log.message])
    assert "ValidationError" in said[0]
    assert publish.archive_of(place.settings).newest(NAME, LATER) is None
    assert publish.due(place, place.present(LATER))
    assert not EVERY_REPORT & {gauge.name for gauge in GaugeStore(place.sql).read()}


def test_look_at__where_another_run_was_quicker_looks_once_more(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = stages.copy("answered", tmp_path / "home")
    moments = [pd.Timestamp(LATER), pd.Timestamp(LATER) + timedelta(seconds=30)]
    acted = Entry(
        phase="note", usecase=NAME, action="retrain", actor="t", reason="kept the champion", at=LATER + timedelta(seconds=10)
    )
    monkeypatch.setattr(Installation, "present", lambda _place, _asked: moments.pop(0))
    monkeypatch.setattr("flows.monitor.find_if_due", lambda _place, _now: place.ledger.append(acted) and None)

    now, _, seen = monitor.look_at(place, None)

    assert (now, moments) == (pd.Timestamp(LATER) + timedelta(seconds=30), [])
    assert [series.name for series in seen.evidence.series] == ["north", "south"]
    assert "quicker" not in seen.verdict.reasons[0]
