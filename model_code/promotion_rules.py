"""When a promotion or rollback is refused; pure."""

from collections.abc import Sequence
from datetime import datetime

from model_code.errors import PromotionRefused
from model_code.ledger import Entry
from model_code.standing import Standing, standing, standing_for
from model_code.verdict import PairedVerdict


def is_repeat(
    last: Entry, asked: tuple[str, str, datetime], to_version: str | None, from_version: str | None, scope: tuple[str, ...] = ()
) -> bool:
    """Whether the rollback that is asked for is the one that was done last.

    Args:
        last: The latest move.
        asked: Actor, reason and time of the decision.
        to_version: Version to return to, if one was named.
        from_version: Version that the evidence is about, if one was named: then who asks does not matter.
        scope: Entities that roll back; empty means all.
    """
    if last.action != "rollback" or last.scope != scope or to_version not in (None, last.to_version):
        return False
    if from_version is not None:
        return last.from_version == from_version
    return (last.actor, last.reason, last.at) == asked


def require_words(actor: str, reason: str) -> None:
    """Every move has someone who answers for it.

    Raises:
        PromotionRefused: It is not so.
    """
    if not actor.strip() or not reason.strip():
        raise PromotionRefused("a promotion or rollback needs an actor and a reason", hint="say who and why; the ledger keeps it")


def require_champion(expected: str | None, champion: str | None) -> None:
    """The decision is about the champion that there is (None: not said).

    Raises:
        PromotionRefused: It is not so.
    """
    if expected is not None and expected != champion:
        raise PromotionRefused(
            f"the decision is about version {expected}, but the champion is {champion or 'nobody'}",
            hint="look again, and decide on the present state",
        )


def require_favour(version: str, champion: str | None, verdict: PairedVerdict | None, reached: Standing) -> None:
    """Without force: a favourable verdict on a version that is not known bad, against the champion that there is.

    Raises:
        PromotionRefused: It is not so.
    """
    hint = "a person may promote it with --force, an actor and a reason"
    if version in reached.bad:
        raise PromotionRefused(f"version {version} was rolled back from and is known bad", hint=hint)
    if verdict is None:
        raise PromotionRefused(f"no verdict on version {version}", hint=hint)
    if not verdict.better:
        raise PromotionRefused(f"version {version} is not better than the champion: {verdict.reason}", hint=hint)
    if champion is not None and champion != version and verdict.n == 0:
        raise PromotionRefused(f"the verdict on version {version} compares it with nobody, but {champion} is champion", hint=hint)


def good_target(usecase: str, target: str | None, champion: str | None, reached: Standing) -> str:
    """The version that a rollback returns to: an earlier champion that stood, and no other.

    Raises:
        PromotionRefused: It is not so.
    """
    older = [version for version in reached.good if version != champion]
    hint = (
        f"good earlier champions: {', '.join(older)}" if older else "there is no earlier good champion: retrain, or promote one"
    )
    if target is None:
        raise PromotionRefused(f"{usecase} has no previous version to return to", hint=hint)
    if target in reached.bad:
        raise PromotionRefused(f"version {target} was itself rolled back from and is known bad", hint=hint)
    if target == champion:
        raise PromotionRefused(f"version {target} is the champion already", hint=hint)
    if target not in older:
        raise PromotionRefused(f"version {target} never was a champion that stood", hint=hint)
    return target


def require_good_parts(moves: Sequence[Entry], intent: Entry) -> None:
    """No entity is brought to what is known bad for it, and one that rolls back alone returns to what was good for it.

    Args:
        moves: Entries so far.
        intent: The move, with what its version is made of.

    Raises:
        PromotionRefused: It is not so; names the entity.
    """
    reached = standing([*moves, intent.model_copy(update={"phase": "done"})])
    routed = {entity for made in reached.parts.values() for entity in made.routing.routes}
    for entity in sorted(routed | set(intent.scope)):
        before, after = (reached.part_of(str(version), entity) for version in (intent.from_version, intent.to_version))
        own, name = standing_for(moves, entity), f"version {after} for {entity}"
        if after in own.bad and after != before:
            raise PromotionRefused(f"{name} was rolled back from and is known bad", hint="choose another version")
        if intent.action == "rollback" and intent.scope:
            _require_own(entity in intent.scope, before != after, after in own.good, name)


def _require_own(asked: bool, changes: bool, stood: bool, name: str) -> None:
    if asked and not (changes and stood):
        raise PromotionRefused(f"{name} is no earlier one that stood", hint="retrain, or promote a version for all entities")
    if changes and not asked:
        raise PromotionRefused(f"{name} would change, which nobody asked for", hint="look again, and decide on the present state")
