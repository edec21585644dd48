"""What of the ledger is worth a mark on every dashboard: releases, actions, and incidents from beginning to end."""

import hashlib
import html
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from model_code.ledger import Entry
from monitoring.notify.incidents import Incident, incidents_of
from monitoring.releases import ACTIONS

Kind = Literal["release", "action", "incident"]
LONGEST_TEXT = 1_000  # characters; the ledger holds the rest
LONGEST_TAG = 100  # characters; Grafana's databases hold no more
ROLLOUT = "rollout"  # its plan, each of its steps, its end
ANOTHER_TIME = timedelta(hours=1)  # a decision that far from its recording belongs to a simulation


@dataclass(frozen=True)
class Mark:
    """One mark on the dashboards of a use case.

    Attributes:
        usecase: Whose.
        kind: release, action or incident.
        entry: Number of the ledger's entry that it tells of; of an incident, the entry that began it.
        label: Tells it from every other mark, of other ledgers too; letters, digits and dashes.
        action: promote, rollback, retrain, …; `incident` for an incident.
        at: Where it stands: wall clock of recording (aware), which is the time of every other curve.
        until: End of an incident (aware); None while it lasts, and for what has no length.
        text: What a reader sees, HTML-escaped.

    Example:
        >>> at = datetime.fromisoformat("2024-07-01T00:00:00+00:00")
        >>> Mark("demand", "release", 7, "entry-7-ab", "promote", at, None, "version 2").tags
        ('evenkeel', 'demand', 'release', 'promote', 'entry-7-ab')
    """

    usecase: str
    kind: Kind
    entry: int
    label: str
    action: str
    at: datetime
    until: datetime | None
    text: str

    @property
    def tags(self) -> tuple[str, ...]:
        """What Grafana finds it by; the last one is its own."""
        told = ("evenkeel", self.usecase, self.kind, self.action, self.label)
        return tuple(dict.fromkeys(tag[:LONGEST_TAG] for tag in told))

    @property
    def digest(self) -> str:
        """Changes when the mark does, as when an incident ends."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def marks_of(entries: Iterable[Entry]) -> list[Mark]:
    """The marks of one use case's entries, oldest first; entries as recorded (with id and times), in that order."""
    recorded = [entry for entry in entries if entry.id is not None and entry.recorded_at is not None]
    moves = [_mark(entry, kind, entry.action) for entry in recorded if (kind := _kind(entry))]
    return sorted([*moves, *(_incident(each) for each in incidents_of(recorded))], key=lambda mark: (mark.entry, mark.kind))


def _kind(entry: Entry) -> Kind | None:
    if entry.action in {*ACTIONS, ROLLOUT} and entry.phase in ("done", "note"):
        return "action"
    return "release" if entry.phase == "done" and entry.to_version is not None else None


def _incident(incident: Incident) -> Mark:
    """From the entry that began it to the one that ended it, if it did."""
    mark = _mark(incident.opened, "incident", "incident")
    return mark if incident.ended is None else replace(mark, until=incident.ended.recorded_at)


def _mark(entry: Entry, kind: Kind, action: str) -> Mark:
    assert entry.id is not None
    assert entry.recorded_at is not None
    own = hashlib.sha256(f"{entry.usecase}\0{entry.intent}\0{entry.phase}".encode()).hexdigest()[:12]
    label = f"{'incident' if kind == 'incident' else 'entry'}-{entry.id}-{own}"  # an action may begin an incident: two marks
    return Mark(entry.usecase, kind, entry.id, label, action, entry.recorded_at, None, _text(entry, kind))


def _text(entry: Entry, kind: Kind) -> str:
    moved = f" {entry.from_version or '–'} → {entry.to_version}" if entry.to_version else ""
    scope = f" ({', '.join(entry.scope)})" if entry.scope else ""
    told = [f"{kind if kind == 'incident' else entry.action}{moved}{scope} by {entry.actor}", entry.reason]
    assert entry.recorded_at is not None
    if abs(entry.recorded_at - entry.at) > ANOTHER_TIME:
        told.append(f"decided for {entry.at:%Y-%m-%d %H:%M} UTC")
    text = "\n".join(part for part in told if part)
    return html.escape(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…", quote=False)
