"""How long predictions are kept: bounded by the use case, never what can still be judged."""

from datetime import datetime

from model_code.installation import Installation

BATCH = 5_000  # rows of one transaction: a writer waits no longer than for that


def judged_since(place: Installation) -> datetime | None:
    """When the champion became champion: what it answered since is what the policy reads; None where there is none."""
    moved = [entry.at for entry in place.ledger.entries(place.usecase.name) if entry.phase == "done" and entry.to_version]
    return max(moved, default=None)


def drop_old_predictions(place: Installation, now: datetime) -> int:
    """Delete predictions older than `retention.predictions`; those since the champion's release stay, however old.

    Args:
        now: The present (aware).

    Returns:
        How many went. Killed in between, the next run goes on.

    Raises:
        StoreError: The database cannot be written.
    """
    released = judged_since(place)
    if released is None:
        return 0
    before = min(now - place.usecase.spec.retention.predictions, released)
    dropped = 0
    while (gone := place.predictions.drop(place.usecase.name, before, BATCH)) > 0:
        dropped += gone
    return dropped
