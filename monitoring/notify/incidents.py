"""Incidents as the ledger tells them: from the first verdict that asks for something until all is on an even keel again. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model_code.ledger import Entry
from monitoring.notify.subjects import beyond, subjects_of
from monitoring.releases import ACTIONS

VERDICT = "verdict"  # action of the notes that a look leaves


@dataclass(frozen=True)
class News:
    """What people who know of an incident do not know yet.

    Attributes:
        entry: That tells it: a verdict, or an action.
        subjects: Entities and slices that were no part of the incident; empty where it is the first action alone.
    """

    entry: Entry
    subjects: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same in every process."""
        return _key(self.entry)


@dataclass(frozen=True)
class Incident:
    """One stretch of trouble of one use case.

    Attributes:
        opened: The entry that began it: a verdict, or an action where the look and the action were one run.
        actions: What was done or tried in its course.
        news: Trouble of entities or slices that joined it, each once, and the first action where none had been told of.
        ended: The verdict that says all is well again; None while it lasts.

    Example:
        >>> from datetime import UTC, datetime
        >>> at = datetime(2024, 7, 1, tzinfo=UTC)
        >>> entry = Entry(phase="done", usecase="demand", action="rollback", actor="evenkeel", reason="", intent="a1", at=at)
        >>> incidents_of([entry])[0].key
        'a1/done'
    """

    usecase: str
    opened: Entry
    actions: tuple[Entry, ...] = ()
    news: tuple[News, ...] = ()
    ended: Entry | None = None

    @property
    def key(self) -> str:
        """The same in every process: the identity of the entry that began it."""
        return _key(self.opened)


def incidents_of(entries: Iterable[Entry]) -> list[Incident]:
    """The incidents of one use case's entries, oldest first; the last one may last still.

    Args:
        entries: In the order of recording.
    """
    found: list[Incident] = []
    story: list[Entry] = []
    for entry in entries:
        if entry.action == VERDICT and is_calm(entry):
            if story:
                found.append(replace(_incident(story), ended=entry))
            story = []
        elif _is_action(entry) or (entry.action == VERDICT and is_troubled(entry)):
            story.append(entry)
    return [*found, _incident(story)] if story else found


def _incident(story: Sequence[Entry]) -> Incident:
    """From the entries that tell of trouble or of an action, all of one incident."""
    opened, *later = story
    actions = tuple(entry for entry in story if _is_action(entry))
    return Incident(opened.usecase, opened, actions, tuple(_news(opened, later)))


def _news(opened: Entry, later: Iterable[Entry]) -> Iterator[News]:
    known, action_told = set(subjects_of(opened)), _tells_an_action(opened)
    for entry in later:
        joined = beyond(subjects_of(entry), known)
        if joined or (_is_action(entry) and not action_told):
            known.update(joined)
            action_told |= _tells_an_action(entry)
            yield News(entry, joined)


def is_troubled(note: Entry) -> bool:
    """Whether a look asks for an action or for a person; a note that cannot be read is no good news."""
    verdict = verdict_of(note)
    return not verdict or verdict.get("action") != "hold" or "page" in verdict.get("side_effects", ())


def is_calm(note: Entry) -> bool:
    """Whether a look found every series well: neither trouble, nor a wait for evidence, nor a hold against the policy's wish."""
    verdict = verdict_of(note)
    return not is_troubled(note) and bool(verdict.get("calm"))


def verdict_of(note: Entry) -> Mapping[str, Any]:
    """The verdict that a note keeps; empty where there is none."""
    verdict = note.evidence.get("verdict")
    return verdict if isinstance(verdict, dict) else {}


def _key(entry: Entry) -> str:
    return f"{entry.intent}/{entry.phase}"


def _tells_an_action(entry: Entry) -> bool:
    """Whether who hears of it hears of an action, done or about to be."""
    return _is_action(entry) or verdict_of(entry).get("action", "hold") != "hold"


def _is_action(entry: Entry) -> bool:
    return entry.action in ACTIONS and entry.phase in ("done", "note")
