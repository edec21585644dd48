"""What the ledger tells the policy: releases, and actions carried out."""

from collections.abc import Sequence
from typing import get_args

from model_code.evidence import Action, ActionName, PairedLoss, Release
from model_code.ledger import Entry

ACTIONS = frozenset(get_args(ActionName)) - {"hold"}


def releases_of(entries: Sequence[Entry]) -> tuple[Release, ...]:
    """Every change of the champion that was carried out, oldest first."""
    done = sorted((entry for entry in entries if entry.phase == "done" and entry.to_version), key=lambda entry: entry.at)
    return tuple(release_of(entry) for entry in done)


def release_of(entry: Entry) -> Release:
    """The change of the champion that an entry tells of."""
    return Release(
        version=str(entry.to_version),
        at=entry.at,
        action=entry.action,
        forced=entry.evidence.get("forced") is True,
        won_on=won_on(entry),
    )


def won_on(entry: Entry) -> tuple[PairedLoss, ...]:
    """The paired losses that a retrain was promoted for; none for other moves, which lost nothing live."""
    losses = entry.evidence.get("losses")
    told = losses if entry.action == "promote" and isinstance(losses, list) else []
    pairs = [(row.get("champion"), row.get("challenger")) for row in told if isinstance(row, dict)]
    return tuple(
        PairedLoss(before=mine, after=theirs)
        for mine, theirs in pairs
        if isinstance(mine, float | int) and isinstance(theirs, float | int)  # None where an origin could not be told
    )


def actions_of(entries: Sequence[Entry]) -> tuple[Action, ...]:
    """Rollbacks, retrains and recalibrations, oldest first; a note (tried, nothing moved) counts too.

    The entries of one intent count once.
    """
    carried = {entry.intent: entry for entry in entries if entry.phase in ("done", "note") and entry.action in ACTIONS}
    actions = [
        Action.model_validate({"action": entry.action, "at": entry.at, "scope": entry.scope}) for entry in carried.values()
    ]
    return tuple(sorted(actions, key=lambda action: action.at))
