"""The report flow on a real server: when somebody asks, pages are made, kept, and linked from the run."""

import json
from pathlib import Path

import pandas as pd
import pytest

from monitoring.gauges import GaugeStore
from monitoring.reports.findings import find
from monitoring.reports.gauges import EVERY_REPORT, report_gauges
from monitoring.reports.publish import archive_of
from tests.flows.running import Runs
from tests.flows.small import LATER, NAME, Stages

pytestmark = pytest.mark.full


@pytest.mark.timeout(900)
def test_report__asked_for_is_made_kept_and_linked_from_its_run(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("answered", tmp_path / "home")

    run = runs.complete("report", place, now=LATER.isoformat())

    archive = archive_of(place.settings)
    kept = archive.newest(NAME, LATER)
    assert kept is not None
    assert (kept.occasion, kept.at, kept.champion) == ("asked", LATER, "2")
    assert set(kept.pages) == {"drift", "quality", "data"}
    for page in kept.pages.values():
        assert "<html" in (archive.folder / NAME / page).read_text().lower()
    assert (archive.folder / NAME / "index.html").exists()
    exported = {(each.name, *each.labels.values()): each.value for each in GaugeStore(place.sql).read()}
    told = report_gauges(NAME, find(place, pd.Timestamp(LATER)))
    assert {key: value for key, value in exported.items() if key[0] in EVERY_REPORT} == {
        (each.name, *(each.labels[label] for label in sorted(each.labels))): pytest.approx(each.value) for each in told
    }
    links = {each.key: each.data for each in runs.artifacts(run) if each.type == "markdown"}
    for kind, page in kept.pages.items():
        assert f"/{NAME}/{page}" in links[f"small-load-report-{kind}"]
    result = json.loads(Path(run.state.data.storage_key).read_text())
    assert result["pages"] == dict(kept.pages)
    assert set(result["links"]) == {"index", *kept.pages}


@pytest.mark.timeout(900)
def test_report__of_a_use_case_without_a_release_fails_in_words(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("refreshed", tmp_path / "home")

    run = runs.end(runs.start("report", place))

    assert run.state.is_failed()
    assert "nothing was ever released" in run.state.message
    assert archive_of(place.settings).newest(NAME, LATER) is None
