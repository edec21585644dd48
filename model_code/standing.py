"""Which versions are good, and which known bad, as the ledger tells it; pure."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from model_code.ledger import Entry

MOVES = ("promote", "rollback", "recalibrate")


class Standing(BaseModel):
    """Where a use case's versions stand after its moves so far.

    Attributes:
        good: Versions that were champion and were not rolled back from, the reigning one last.
        bad: Versions that were rolled back from and not promoted since.
        last: The latest move that was done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    good: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()
    last: Entry | None = None

    def after(self, move: Entry) -> "Standing":
        """The standing once `move` is done.

        A promotion puts its version on top. A rollback drops the version that it leaves, and with it all
        that reigned after the one that it returns to: who skips a version does not trust it.
        """
        target = str(move.to_version)
        if move.action != "rollback":  # a recalibration is the promotion of the same model with other intervals
            below = tuple(version for version in self.good if version != target)
            if move.from_version and move.from_version not in {target, *self.bad} and below[-1:] != (move.from_version,):
                below = (*(version for version in below if version != move.from_version), move.from_version)
            return Standing(good=(*below, target), bad=self.bad - {target}, last=move)
        kept = self.good[: self.good.index(target)] if target in self.good else ()
        left = {move.from_version} if move.from_version else set()
        return Standing(good=(*kept, target), bad=(self.bad | left) - {target}, last=move)

    @property
    def previous(self) -> str | None:
        """The version that a rollback returns to; None when there is none."""
        return self.good[-2] if len(self.good) > 1 else None


def standing(entries: Iterable[Entry]) -> Standing:
    """The standing of one use case after the moves in `entries` that were done (in the order of recording).

    Example:
        >>> standing([]).previous is None
        True
    """
    reached = Standing()
    for entry in entries:
        if entry.phase == "done" and entry.action in MOVES:
            reached = reached.after(entry)
    return reached
