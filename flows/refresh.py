"""Refresh: bring every feed up to date; the gap comes from the tables, so that missed schedules heal."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.events import REFRESHED, look
from flows.params import BackfillParams, RefreshParams
from flows.told import TOLD
from model_code.data.refresh import refresh as refresh_feed
from model_code.data.sources import make_source
from model_code.exit_status import exit_status
from model_code.installation import Installation


@flow(name="refresh", persist_result=True, result_serializer="json", **TOLD)
def refresh(params: RefreshParams) -> list[dict[str, Any]]:
    """Fetch what is missing and what may have been revised, validate it, append it."""
    place = Installation.open(params.usecase)
    return _each_feed(place, list(place.usecase.spec.feeds), params, {})


@flow(name="backfill", persist_result=True, result_serializer="json", **TOLD)
def backfill(params: BackfillParams) -> list[dict[str, Any]]:
    """Ask the sources again for a range; what is known already stays as it is."""
    place = Installation.open(params.usecase)
    feeds = [params.feed] if params.feed else list(place.usecase.spec.feeds)
    return _each_feed(place, feeds, params, {"start": params.start, "end": params.end})


def _each_feed(
    place: Installation, feeds: list[str], params: RefreshParams | BackfillParams, span: dict[str, Any]
) -> list[dict[str, Any]]:
    now = place.present(params.now)
    rows = bring(place, feeds, now, span, get_run_logger().info)
    artifacts.table(params.usecase, "refresh", rows, "What each feed brought")
    inserted = sum(row["inserted"] for row in rows)
    if inserted:
        look(REFRESHED, params.usecase, now.isoformat(), inserted=inserted)
    return rows


def bring(
    place: Installation, feeds: list[str], now: pd.Timestamp, span: dict[str, Any], progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Refresh each feed; what each brought, JSON-able.

    Args:
        span: `start` and `end`, or nothing for the gap that the tables show.
        progress: Called with a line for each feed.

    Raises:
        SourceError: A source failed; what came before it is kept.
        TooLittleData: A feed brought less than it must.
    """
    rows = []
    for feed in feeds:
        source = make_source(place.usecase, feed, place.settings)
        report = refresh_feed(place.usecase, feed, source, place.store, now.to_pydatetime(), **span)
        progress(f"{feed}: {report.inserted} new rows, {report.quarantined} quarantined, table version {report.version}")
        rows.append(report.model_dump(mode="json"))
    return rows


def main() -> int:
    """`python -m flows.refresh USECASE`: the same without a server, in this process; exit code 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m flows.refresh", description="Bring a use case's data up to date.")
    parser.add_argument("usecase")
    asked = parser.parse_args()
    return exit_status(lambda: _bring_all(Installation.open(asked.usecase)))


def _bring_all(place: Installation) -> None:
    bring(place, list(place.usecase.spec.feeds), place.present(None), {}, print)


if __name__ == "__main__":
    sys.exit(main())
