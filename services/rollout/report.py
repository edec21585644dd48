"""What runs, for people: tables of a target's status and history."""

from collections.abc import Sequence

from rich.table import Table

from model_code.ledger import Entry
from services.rollout.base import Revision, TargetStatus


def status_table(status: TargetStatus) -> Table:
    """One row for each track: what runs, since when, how much of it is ready."""
    release = f", revision {status.revision}" if status.revision is not None else ""
    drawn = Table(
        "track",
        "version",
        "bundle",
        "image",
        "ready",
        "weight",
        "since (UTC)",
        "health",
        title=f"{status.usecase} on {status.target}{release}",
    )
    for each in status.tracks:
        drawn.add_row(
            each.track,
            each.version or "–",
            (each.bundle or "–")[:12],
            each.image or "this checkout",
            f"{each.ready_replicas} of {each.replicas}",
            "–" if each.weight is None else f"{each.weight} %",
            f"{each.since:%Y-%m-%d %H:%M:%S}" if each.since else "–",
            each.reason or "ready",
        )
    return drawn


def status_lines(status: TargetStatus, entries: Sequence[Entry]) -> list[str]:
    """What is wrong, and what was decided last."""
    lines = [f"{status.target}: {status.reason}"] if status.reason else []
    lines += [f"differs: {each}" for each in status.differs]
    decided = next((entry for entry in reversed(entries) if entry.phase in ("done", "note")), None)
    if decided is not None:
        which = f" to version {decided.to_version}" if decided.to_version else ""
        lines.append(
            f"last verdict: {decided.action}{which} by {decided.actor}, {decided.at:%Y-%m-%d %H:%M} UTC: {decided.reason}"
        )
    return lines


def history_table(usecase: str, revisions: Sequence[Revision]) -> Table:
    """One row for each revision, newest first."""
    drawn = Table("revision", "time (UTC)", "state", "version", "bundle", "image", "what", title=f"Releases of {usecase}")
    for each in revisions:
        told = (each.version or "–", (each.bundle or "–")[:12], each.image or "–", each.what)
        drawn.add_row(str(each.revision), f"{each.at:%Y-%m-%d %H:%M:%S}", each.state, *told)
    return drawn
