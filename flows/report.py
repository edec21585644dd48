"""Report: the latest window for people; made by the monitor on schedule and on a breach, or when somebody asks."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import ReportParams
from flows.told import TOLD
from model_code.installation import Installation
from monitoring import judgement
from monitoring.judgement import Judgement
from monitoring.reports import publish
from monitoring.reports.findings import Findings
from monitoring.reports.record import Record


@flow(name="report", persist_result=True, result_serializer="json", **TOLD)
def report(params: ReportParams) -> dict[str, Any]:
    """Make the reports of the latest window now; links to its pages."""
    place = Installation.open(params.usecase)
    now = place.present(params.now)
    found = publish.find_and_export(place, now, datetime.now(UTC))
    seen = judgement.look(place, now, found.drift, evidently_breach=found.breach)
    kept = publish.report(place, now, found, seen.verdict, seen.evidence, made_at=datetime.now(UTC), asked=True)
    assert kept is not None
    _link(place, kept)
    return kept.model_dump(mode="json") | {"links": dict(publish.links(kept, place.settings))}


def find_if_due(place: Installation, now: pd.Timestamp) -> Findings | None:
    """The findings of a report that is due, else None; a failure is logged and keeps nobody from judging.

    Its report stays due, and once that has lasted, EvenkeelReportStale tells.
    """
    logger = get_run_logger()
    try:
        return publish.find_if_due(place, now, datetime.now(UTC))
    except Exception:  # whatever it is: the watch goes on
        logger.exception("no report, though one is due")
        return None


def keep_report(place: Installation, now: pd.Timestamp, found: Findings | None, seen: Judgement) -> Record | None:
    """The report of this look, where there is one to make, linked from the run; a failure is logged and fails nothing."""
    logger = get_run_logger()
    try:
        kept = publish.report(place, now, found, seen.verdict, seen.evidence, made_at=datetime.now(UTC))
        if kept is not None:
            _link(place, kept)
        return kept
    except Exception:  # whatever it is: the verdict stands
        logger.exception("no report")
        return None


def _link(place: Installation, kept: Record) -> None:
    for kind, address in publish.links(kept, place.settings).items():
        text = f"{kind} at {kept.at:%Y-%m-%d %H:%M} UTC"
        artifacts.link(kept.usecase, f"report-{kind}", address, text, f"Report: {kept.breach or kept.verdict}")
