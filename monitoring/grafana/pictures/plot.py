"""The plot of the story: what happens on which day, to which version, and what the ledger tells of it."""

from datetime import UTC, datetime, timedelta

import numpy as np

from model_code.ledger import Entry, Phase
from monitoring.grafana.pictures.samples import Values

USECASE = "demand"
START = datetime(2026, 10, 10, tzinfo=UTC)
DAYS = 42
RUN_HOUR = 6  # UTC; the monitor runs once a day
SERIES = ("PGAE", "SCE")

BAD_RELEASE, ROLLED_BACK = 9, 12
LATE, ARRIVED = 17, 20  # no data come in
SHIFT, RETRAINED = 24, 28  # the level of PGAE moves
NARROW, RECALIBRATED = 35, 41  # intervals become too narrow
SLICE = (30, 34)  # the evening hours of SCE do badly
VERSIONS = ((0, "3"), (BAD_RELEASE, "4"), (ROLLED_BACK, "3"), (RETRAINED, "5"), (RECALIBRATED, "6"))
VERDICTS = {ROLLED_BACK: "rollback", RETRAINED: "retrain", RECALIBRATED: "recalibrate"}
PAGED = {ROLLED_BACK, *range(LATE, ARRIVED + 1)}


def at(day: float, minutes: float = 0) -> datetime:
    """The moment of a day's monitor run, or some minutes after it."""
    return START + timedelta(days=day, hours=RUN_HOUR, minutes=minutes)


def version(day: int) -> str:
    """The champion after the run of a day."""
    return next(name for since, name in reversed(VERSIONS) if day >= since)


def released(day: int) -> int:
    """The day on which the champion of a day was released."""
    return next(since for since, _ in reversed(VERSIONS) if day >= since)


def during(first: int, end: int) -> Values:
    """1 on the days from the first to the one before the end, else 0."""
    days = np.arange(DAYS)
    return ((days >= first) & (days < end)).astype(float)


def ramp(first: int, end: int) -> Values:
    """How many days something has been going on, from 1; 0 before and after."""
    return (np.arange(DAYS) - first + 1) * during(first, end)


def ledger() -> list[Entry]:
    """What the ledger holds in the end, as if recorded."""
    told = [_verdict(day) for day in range(DAYS)] + [
        _entry(at(BAD_RELEASE, 1), "promote", "done", "better on 28 origins", "3", "4", "search"),
        _entry(at(ROLLED_BACK, 1), "rollback", "done", "3 of 3 origins bad since the release; version 3 wins on each", "4", "3"),
        _entry(at(RETRAINED, 20), "promote", "done", "better on 5 origins since the shift", "3", "5"),
        _entry(at(RETRAINED, 21), "retrain", "note", "the level of PGAE moved; promoted ridge", "3", "5"),
        _entry(at(RECALIBRATED, 2), "recalibrate", "done", "coverage 0.79 of 0.90 over 14 origins", "5", "6"),
    ]
    ordered = sorted(told, key=lambda entry: entry.at)
    return [entry.model_copy(update={"id": number}) for number, entry in enumerate(ordered, 1)]


def _verdict(day: int) -> Entry:
    paged = day in PAGED
    verdict = {"action": VERDICTS.get(day, "hold"), "side_effects": ["page"] if paged else [], "calm": not paged}
    reason = "data are late" if day in range(LATE, ARRIVED + 1) else f"verdict: {verdict['action']}"
    return _entry(at(day), "verdict", "note", reason, None, None).model_copy(update={"evidence": {"verdict": verdict}})


def _entry(
    moment: datetime, action: str, phase: Phase, reason: str, old: str | None, new: str | None, actor: str = "monitor"
) -> Entry:
    return Entry(
        intent=f"{action}-{moment:%d%H%M}",
        phase=phase,
        usecase=USECASE,
        action=action,
        actor=actor,
        reason=reason,
        from_version=old,
        to_version=new,
        at=moment,
        recorded_at=moment,
    )
