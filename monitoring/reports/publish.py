"""When a report is due, and making it: numbers first, for the verdict; pages after it, for people."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from model_code.errors import TooLittleData
from model_code.evidence import Evidence
from model_code.installation import Installation
from model_code.policy import Verdict
from model_code.settings import Settings
from monitoring.evidently import Page, page_of
from monitoring.evidently.engine import EvidentlyFailed
from monitoring.evidently.pages import Kind
from monitoring.gauges import GaugeStore
from monitoring.reports.archive import ASSETS, Archive
from monitoring.reports.findings import Findings, find
from monitoring.reports.gauges import EVERY_REPORT, report_gauges
from monitoring.reports.index import banner
from monitoring.reports.record import Occasion, Record

LOG = logging.getLogger("evenkeel.reports")
KINDS: tuple[Kind, ...] = ("drift", "quality", "data")
AGAIN = timedelta(days=1)  # between two reports on a breach that goes on


def archive_of(settings: Settings) -> Archive:
    """Where the reports of an installation lie."""
    return Archive(settings.home / "reports")


def due(place: Installation, now: pd.Timestamp) -> bool:
    """Whether the last report is `report.every` old, and the whole window lies after the champion's training."""
    pointer, rule = place.pointers.get(place.usecase.name), place.usecase.spec.report
    if pointer is None:
        return False
    if now - rule.window < pd.Timestamp(place.bundle(pointer.wanted).manifest.trained_until):
        return False
    last = archive_of(place.settings).newest(place.usecase.name, now.to_pydatetime())
    return last is None or last.bundle != pointer.wanted or last.at <= now - rule.every


def find_if_due(place: Installation, now: pd.Timestamp, made_at: datetime) -> Findings | None:
    """The findings of the latest window where a report is due, else None; see `find_and_export`.

    Until a new champion's first report is due, the gauges tell nothing: those of a champion before are taken back.
    """
    if due(place, now):
        return find_and_export(place, now, made_at)
    name, pointer = place.usecase.name, place.pointers.get(place.usecase.name)
    told = next((record for record in archive_of(place.settings).records(name) if record.at <= made_at), None)
    if pointer is not None and told is not None and told.bundle != pointer.wanted:
        GaugeStore(place.sql).write(name, [], made_at, whole=EVERY_REPORT)
    return None


def find_and_export(place: Installation, now: pd.Timestamp, made_at: datetime) -> Findings:
    """The findings of the latest window, which the gauges tell from then on; see `find` for its errors.

    Where somebody asks about a moment before the champion's last report, the gauges go on telling that one's.

    Args:
        made_at: Wall clock (aware).
    """
    name, found = place.usecase.name, find(place, now)
    kept = archive_of(place.settings).records(name)
    if not any(record.bundle == found.bundle and found.at < record.at <= made_at for record in kept):
        GaugeStore(place.sql).write(name, report_gauges(name, found), made_at, whole=EVERY_REPORT)
    return found


def report(
    place: Installation,
    now: pd.Timestamp,
    found: Findings | None,
    verdict: Verdict,
    evidence: Evidence,
    *,
    made_at: datetime,
    asked: bool = False,
) -> Record | None:
    """Make the report of this look: where it was due, on a breach (once a day at most), or where a person asks.

    Args:
        found: From `find_if_due` or `find_and_export`.
        verdict: What the policy said.
        evidence: What it rests on.
        made_at: Wall clock (aware).
        asked: Whether a person asks.

    Returns:
        Its record; None where there is none to make.

    Raises:
        DataError: Nothing was ever released.
        NotReady: Another process is writing reports.
    """
    archive, occasion = archive_of(place.settings), _occasion(place, now, found, verdict, asked)
    if occasion is None:
        return None
    seen = found or find_and_export(place, now, made_at)
    wanted = place.settings.report_pages
    pages = _pages(place, seen) if wanted == "always" or (wanted == "breach" and occasion != "schedule") else {}
    told = Record.of(
        seen,
        usecase=place.usecase.name,
        made_at=made_at,
        occasion=occasion,
        champion=evidence.champion,
        verdict=verdict.action,
        reasons=verdict.reasons,
    )
    names = {kind: f"{told.stamp}-{kind}.html" for kind in pages}
    assets = {name: text for page in pages.values() for name, text in page.assets.items()}
    kept = told.model_copy(update={"pages": names, "assets": tuple(sorted(assets))})
    told_above = {kind: f"<body>{banner(kept, kind)}" for kind in pages}
    archive.keep(kept, {names[kind]: page.html.replace("<body>", told_above[kind], 1) for kind, page in pages.items()}, assets)
    rule = place.usecase.spec.report
    archive.prune(place.usecase.name, keep=rule.keep, max_age=rule.max_age, now=now.to_pydatetime(), made=kept.stamp)
    return kept


def links(record: Record, settings: Settings) -> Mapping[str, str]:
    """Kind -> address of each page at the report server of this installation."""
    base = f"http://{settings.host}:{settings.reports_port}/{record.usecase}"
    return {"index": f"{base}/index.html", **{kind: f"{base}/{name}" for kind, name in record.pages.items()}}


def _occasion(place: Installation, now: pd.Timestamp, found: Findings | None, verdict: Verdict, asked: bool) -> Occasion | None:
    if asked:
        return "asked"
    last = archive_of(place.settings).newest(place.usecase.name, now.to_pydatetime())
    if verdict.action != "hold" and (last is None or last.occasion != "breach" or last.at <= now - AGAIN):
        return "breach"
    return None if found is None else "schedule"


def _pages(place: Installation, found: Findings) -> dict[Kind, Page]:
    made: dict[Kind, Page] = {}
    for kind in KINDS:
        try:
            made[kind] = _page(place, found, kind)
        except (TooLittleData, EvidentlyFailed) as error:
            LOG.warning("no page of %s: %s", kind, error)
    return made


def _page(place: Installation, found: Findings, kind: Kind) -> Page:
    spec = place.usecase.spec
    windows = (found.answers.current, found.answers.earlier) if kind == "quality" and found.answers is not None else None
    if windows is None:
        if found.features is None:
            raise TooLittleData(f"{spec.name}: no features in the window")
        windows = (found.features.current, found.features.reference)
    lately, before = windows
    return page_of(kind, lately, before, task=spec.task, seed=spec.seed, max_rows=spec.report.max_rows, assets=f"../{ASSETS}")


def folder_of(settings: Settings) -> Path:
    """The folder that the report server serves."""
    return archive_of(settings).folder
