"""Which versions are good, and which known bad, as the ledger tells it: of the use case, and of one entity; pure."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict

from model_code.ledger import Entry
from model_code.parts import Parts, made_by, of_entity

MOVES = ("promote", "rollback", "recalibrate")


class Standing(BaseModel):
    """Where a use case's versions stand after its moves so far.

    Attributes:
        good: Versions that were champion and were not rolled back from, the reigning one last.
        bad: Versions that were rolled back from and not promoted since.
        last: The latest move that was done.
        parts: What each version is made of that was champion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    good: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()
    last: Entry | None = None
    parts: dict[str, Parts] = {}

    def after(self, move: Entry) -> "Standing":
        """The standing once `move` is done.

        A promotion puts its version on top. A rollback drops the version that it leaves, and with it all
        that reigned after the one that it returns to: who skips a version does not trust it. A rollback of
        some entities alone drops what would bring back for one of them what it leaves.
        """
        target = str(move.to_version)
        parts = self.parts | {target: made_by(move, self.parts)}
        if move.action != "rollback":  # a recalibration is the promotion of the same model with other intervals
            below = tuple(version for version in self.good if version != target)
            if move.from_version and move.from_version not in {target, *self.bad} and below[-1:] != (move.from_version,):
                below = (*(version for version in below if version != move.from_version), move.from_version)
            return Standing(good=(*below, target), bad=self.bad - {target}, last=move, parts=parts)
        kept = self.good[: self.good.index(target)] if target in self.good else self._without(move)
        left = {move.from_version} if move.from_version else set()
        return Standing(good=(*kept, target), bad=(self.bad | left) - {target}, last=move, parts=parts)

    def part_of(self, version: str, entity: str | None) -> str:
        """The version that answers for an entity in a version."""
        return self.parts[version].routing.of(entity) if version in self.parts else version

    def _without(self, move: Entry) -> tuple[str, ...]:
        """Good versions in which no entity that rolls back is answered by what it leaves."""
        left = {entity: self.part_of(str(move.from_version), entity) for entity in move.scope}
        return tuple(
            version
            for version in self.good
            if left and all(self.part_of(version, entity) != part for entity, part in left.items())
        )

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
    for entry in moves(entries):
        reached = reached.after(entry)
    return reached


def standing_for(entries: Iterable[Entry], entity: str | None) -> Standing:
    """The standing of what answers for one entity: its parts in the place of versions.

    Args:
        entries: Of one use case, in the order of recording.
        entity: None: rows that tell no entity.
    """
    reached = Standing()
    for entry, _ in of_entity(moves(entries), entity):
        reached = reached.after(entry.model_copy(update={"scope": (), "evidence": {}}))
    return reached


def moves(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries of moves that were done."""
    return (entry for entry in entries if entry.phase == "done" and entry.action in MOVES)
