"""What a look leaves in the ledger: its verdict with what was seen, and whether a retrain helped. Notes move nothing."""

from datetime import datetime
from typing import Any

from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring.judgement import VERDICT, Judgement
from monitoring.recovery import recovery_of

OUTCOME = "outcome"


def note(usecase: str, seen: Judgement, at: datetime) -> Entry:
    """The verdict as a note in the ledger: what was seen, and why."""
    verdict = seen.verdict
    return Entry(
        phase="note",
        usecase=usecase,
        action=VERDICT,
        actor="monitor",
        reason="; ".join(verdict.reasons),
        scope=verdict.scope,
        from_version=seen.evidence.champion,
        evidence={"verdict": verdict.model_dump(mode="json"), "seen": seen.evidence.model_dump(mode="json")},
        at=at,
    )


def note_outcome(place: Installation, seen: Judgement, at: datetime) -> dict[str, Any] | None:
    """Once enough origins are scored after a retrain, keep in the ledger whether it helped; None otherwise."""
    evidence = seen.evidence
    retrained = [entry for entry in place.ledger.entries(evidence.usecase) if entry.action == "retrain" and entry.to_version]
    told = [entry for entry in place.ledger.entries(evidence.usecase) if entry.action == OUTCOME]
    if (
        not retrained
        or retrained[-1].to_version != evidence.champion
        or any(entry.to_version == evidence.champion for entry in told)
    ):
        return None
    recovery = recovery_of(evidence, place.usecase.spec.policy, retrained[-1].scope)
    if recovery is None:
        return None
    place.ledger.append(
        Entry(
            phase="note",
            usecase=evidence.usecase,
            action=OUTCOME,
            actor="monitor",
            reason=str(recovery),
            from_version=evidence.previous,
            to_version=evidence.champion,
            evidence=recovery.model_dump(),
            at=at,
        )
    )
    return recovery.model_dump() | {"version": evidence.champion, "reason": str(recovery)}
