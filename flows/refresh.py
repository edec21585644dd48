"""Refresh: bring every feed up to date; the gap comes from the tables, so that missed schedules heal."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.events import REFRESHED, look
from flows.params import BackfillParams, RefreshParams
from model_code.data.refresh import RefreshReport
from model_code.data.refresh import refresh as refresh_feed
from model_code.data.sources import make_source
from model_code.installation import Installation


@flow(name="refresh", persist_result=True, result_serializer="json")
def refresh(params: RefreshParams) -> list[dict[str, Any]]:
    """Fetch what is missing and what may have been revised, validate it, append it."""
    place = Installation.open(params.usecase)
    return _each_feed(place, list(place.usecase.spec.feeds), params, {})


@flow(name="backfill", persist_result=True, result_serializer="json")
def backfill(params: BackfillParams) -> list[dict[str, Any]]:
    """Ask the sources again for a range; what is known already stays as it is."""
    place = Installation.open(params.usecase)
    feeds = [params.feed] if params.feed else list(place.usecase.spec.feeds)
    return _each_feed(place, feeds, params, {"start": params.start, "end": params.end})


def _each_feed(
    place: Installation, feeds: list[str], params: RefreshParams | BackfillParams, span: dict[str, Any]
) -> list[dict[str, Any]]:
    log, now = get_run_logger(), place.present(params.now)
    reports: list[RefreshReport] = []
    for feed in feeds:
        source = make_source(place.usecase, feed, place.settings)
        report = refresh_feed(place.usecase, feed, source, place.store, now.to_pydatetime(), **span)
        log.info("%s: %d new rows, %d quarantined, table version %d", feed, report.inserted, report.quarantined, report.version)
        reports.append(report)
    rows = [report.model_dump(mode="json") for report in reports]
    artifacts.table(params.usecase, "refresh", rows, "What each feed brought")
    if any(report.inserted for report in reports):
        look(REFRESHED, params.usecase, now.isoformat(), inserted=sum(report.inserted for report in reports))
    return rows
