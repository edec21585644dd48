"""Incidents as the ledger tells them: from the first verdict that asks for something until all is on an even keel again. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from model_code.ledger import Entry
from monitoring.releases import ACTIONS

VERDICT = "verdict"  # action of the notes that a look leaves
CALM = "on an even keel"
WARNING = "warning only"  # a reason about no series


@dataclass(frozen=True)
class Incident:
    """One stretch of trouble of one use case.

    Attributes:
        opened: The entry that began it: a verdict, or an action where the look and the action were one run.
        actions: What was done or tried in its course.
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
    ended: Entry | None = None

    @property
    def key(self) -> str:
        """The same in every process: the identity of the entry that began it."""
        return f"{self.opened.intent}/{self.opened.phase}"


def incidents_of(entries: Iterable[Entry]) -> list[Incident]:
    """The incidents of one use case's entries, oldest first; the last one may last still.

    Args:
        entries: In the order of recording.
    """
    found: list[Incident] = []
    lasts = False
    for entry in entries:
        if entry.action == VERDICT and is_calm(entry):
            if lasts:
                found[-1] = replace(found[-1], ended=entry)
            lasts = False
        elif _is_action(entry) or (entry.action == VERDICT and is_troubled(entry)):
            if not lasts:
                found.append(Incident(entry.usecase, entry))
            if _is_action(entry):
                found[-1] = replace(found[-1], actions=(*found[-1].actions, entry))
            lasts = True
    return found


def is_troubled(note: Entry) -> bool:
    """Whether a look asks for an action or for a person; a note that cannot be read is no good news."""
    verdict = verdict_of(note)
    return not verdict or verdict.get("action") != "hold" or "page" in verdict.get("side_effects", ())


def is_calm(note: Entry) -> bool:
    """Whether a look found every series well: neither trouble, nor a wait for evidence, nor a hold against the policy's wish."""
    verdict = verdict_of(note)
    return not is_troubled(note) and bool(verdict["calm"] if "calm" in verdict else _told_calm(verdict))


def verdict_of(note: Entry) -> Mapping[str, Any]:
    """The verdict that a note keeps; empty where there is none."""
    verdict = note.evidence.get("verdict")
    return verdict if isinstance(verdict, dict) else {}


def _told_calm(verdict: Mapping[str, Any]) -> bool:
    """The same by the words of a note of before, which keeps no more: those about each series, after its name."""
    told = [str(reason) for reason in verdict.get("reasons", ()) if not str(reason).startswith(WARNING)]
    return bool(told) and all(reason.partition(": ")[2].startswith(CALM) for reason in told)


def _is_action(entry: Entry) -> bool:
    return entry.action in ACTIONS and entry.phase in ("done", "note")
