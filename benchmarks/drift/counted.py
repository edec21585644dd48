"""Which areas' years count as years of good data without drift, by the registered rules, and which weeks lie in them."""

from dataclasses import dataclass

import numpy as np

from benchmarks.drift.panels import Panel
from benchmarks.drift.registered import Part, registration

DAY = np.timedelta64(1, "D")
YEAR = 365


@dataclass(frozen=True)
class Counted:
    """The weeks that count; `weeks` are (area's place, index of the week's last day in the grid's days)."""

    weeks: tuple[tuple[int, int], ...]
    kept: tuple[str, ...]
    excluded: tuple[str, ...]


def counted(panel: Panel, part: Part) -> Counted:
    """Apply the rules of the registration."""
    weeks: list[tuple[int, int]] = []
    kept, excluded = [], []
    for place, area in enumerate(part.areas):
        for begin, end in part.years:
            reason = _why_not(panel, place, begin, end)
            label = f"{area} {begin}..{end}"
            if reason:
                excluded.append(f"{label}: {reason}")
                continue
            kept.append(label)
            weeks += [(place, last) for last in _sundays(panel, begin, end)]
    return Counted(tuple(weeks), tuple(kept), tuple(excluded))


def _why_not(panel: Panel, place: int, begin: np.datetime64, end: np.datetime64) -> str:
    rules, days = registration()["excluded"], panel.grid.days
    year = panel.grid.values[(days >= begin) & (days <= end), :, place]
    before = panel.grid.values[(days >= begin - YEAR * DAY) & (days < begin), :, place]
    missing = float(np.isnan(year).mean())
    if missing > rules["missing_share"]:
        return f"{missing:.0%} of its hours are missing"
    change = float(np.nanmean(year) / np.nanmean(before) - 1)
    return f"mean load {change:+.1%} against the year before" if abs(change) > rules["annual_change"] else ""


def _sundays(panel: Panel, begin: np.datetime64, end: np.datetime64) -> list[int]:
    days = panel.grid.days
    sunday = (days.astype(int) + 3) % 7 == 6
    last = np.flatnonzero(sunday & (days >= begin + 6 * DAY) & (days <= end))
    return [int(index) for index in last if not _event(panel.name, days[index])]


def _event(panel: str, last: np.datetime64) -> bool:
    return any(
        event["panel"] == panel and last >= np.datetime64(event["from"]) and last - 6 * DAY <= np.datetime64(event["to"])
        for event in registration()["excluded"]["events"]
    )
