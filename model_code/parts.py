"""Which registry versions answer for whom in a version, as the ledger tells it; pure."""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from model_code.ledger import Entry
from model_code.routing import Routing

PARTS = "parts"  # in the evidence of the entries that move the champion to a version made of parts


class Parts(BaseModel):
    """What a version is made of.

    Attributes:
        routing: Registry versions by entity.
        bundles: Version -> its bundle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    routing: Routing
    bundles: dict[str, str]

    def bundle_of(self, entity: str | None) -> str:
        """Hash of the plain bundle that answers for an entity."""
        return self.bundles[self.routing.of(entity)]


def made_by(move: Entry, known: Mapping[str, Parts]) -> Parts:
    """What the version that a move leads to is made of.

    Args:
        move: An entry with a version that it goes to.
        known: What earlier moves told of versions made of parts.
    """
    target, told = str(move.to_version), move.evidence.get(PARTS)
    if told is not None:
        return Parts.model_validate(told)
    return known.get(target) or Parts(routing=Routing(base=target), bundles={target: str(move.to_bundle)})


def of_entity(moves: Iterable[Entry], entity: str | None) -> Iterator[tuple[Entry, Parts]]:
    """The moves that concern one entity, from the part that answered for it to the one that does since.

    One whose scope names others, and which leaves the entity's part as it was, is none of its own.

    Args:
        moves: Of one use case, in the order of recording.
        entity: None: rows that tell no entity.

    Returns:
        Each move with parts instead of versions, and what the version is made of.
    """
    known: dict[str, Parts] = {}
    for move in moves:
        made = known[str(move.to_version)] = made_by(move, known)
        before = move.from_version
        if before is not None:
            before = known[before].routing.of(entity) if before in known else before
        after = made.routing.of(entity)
        if not move.scope or entity in move.scope or before != after:
            told = {"from_version": before, "to_version": after, "to_bundle": made.bundle_of(entity)}
            yield move.model_copy(update=told), made
