"""When a promotion or rollback is refused; pure."""

from datetime import datetime

from model_code.errors import PromotionRefused
from model_code.ledger import Entry
from model_code.standing import Standing
from model_code.verdict import PairedVerdict


def is_repeat(last: Entry, asked: tuple[str, str, datetime], to_version: str | None, from_version: str | None) -> bool:
    """Whether the rollback that is asked for is the one that was done last.

    Args:
        last: The latest move.
        asked: Actor, reason and time of the decision.
        to_version: Version to return to, if one was named.
        from_version: Version that the evidence is about, if one was named: then who asks does not matter.
    """
    if last.action != "rollback" or to_version not in (None, last.to_version):
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
