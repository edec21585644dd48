"""Acting on trouble: look again, and carry out the rollback or the retrain if the state still asks for it."""

from dataclasses import dataclass

import pandas as pd

from model_code.challenger import Progress, bundle_of, register
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.retraining import Retrained
from model_code.retraining import retrain as judge_slate
from monitoring.judgement import Judgement, look


@dataclass(frozen=True)
class Request:
    """Who asks for an action, and why.

    Attributes:
        actor: Kept in the ledger.
        reason: What asked for it; needed with `force`.
        force: Act even where the policy says otherwise.
    """

    actor: str
    reason: str = ""
    force: bool = False


@dataclass(frozen=True)
class Acted:
    """What came of a request.

    Attributes:
        seen: The second look, on which it rests.
        entry: The champion's move; None where it stays.
        version: Version that a retrain registered.
        retrained: How it was judged.
    """

    seen: Judgement
    entry: Entry | None = None
    version: str | None = None
    retrained: Retrained | None = None

    @property
    def declined(self) -> bool:
        """Whether the state did not ask for the action any more."""
        return self.entry is None and self.retrained is None


def roll_back(place: Installation, now: pd.Timestamp, request: Request) -> Acted:
    """Return to the version before, if the policy says so or the request is forced.

    Raises:
        PromotionRefused: Forced without a reason, nothing to return to, or another champion by now.
    """
    place.promoter.recover(place.usecase.name)
    seen = look(place, now)
    if not _wanted("rollback", seen, request):
        return Acted(seen)
    entry = place.promoter.rollback(
        place.usecase.name,
        request.actor,
        _reason("rollback", seen, request),
        {"seen": seen.evidence.model_dump(mode="json"), "asked_by": request.reason},
        now.to_pydatetime(),
        to_version=seen.verdict.to_version,
        from_version=seen.evidence.champion,
    )
    return Acted(seen, entry)


def retrain(place: Installation, now: pd.Timestamp, request: Request, *, progress: Progress = lambda _: None) -> Acted:
    """Judge the slate on the origins since the trouble began; promote its winner or keep the champion.

    Args:
        progress: Called with a line for each candidate.

    Raises:
        PromotionRefused: Forced without a reason, or no champion to retrain.
        TooLittleData: Not enough origins.
    """
    place.promoter.recover(place.usecase.name)
    seen = look(place, now)
    if not _wanted("retrain", seen, request):
        return Acted(seen)
    since, history, seed = _trouble_since(place, seen, now), place.history(now), place.usecase.spec.seed
    pointer = place.pointers.get(place.usecase.name)
    if pointer is None:
        raise PromotionRefused(f"{place.usecase.name} has no champion to retrain", hint="run search, train and promote first")
    result = judge_slate(place.usecase, history, place.bundle(pointer.wanted), now, since, seed=seed, progress=progress)
    bundle = bundle_of(place, history, now, result.evaluated, seed=seed, quiet_until=since)
    version = register(place, bundle, result.evaluated)
    return Acted(seen, _settle(place, now, request, seen, version, result), version, result)


def _settle(
    place: Installation, now: pd.Timestamp, request: Request, seen: Judgement, version: str, result: Retrained
) -> Entry | None:
    """Promote the winner if the verdict allows, and note what the retrain came to; the note starts the cool-down."""
    usecase, champion, at, better = place.usecase.name, seen.evidence.champion, now.to_pydatetime(), result.verdict.better
    evidence = {"losses": result.losses.assign(origin=result.losses["origin"].astype(str)).to_dict("records")}
    entry = None
    if better:
        reason = _reason("retrain", seen, request)
        entry = place.promoter.promote(
            usecase, version, request.actor, reason, evidence, at, verdict=result.verdict, from_version=champion
        )
    place.ledger.append(
        Entry(
            phase="note",
            usecase=usecase,
            action="retrain",
            actor=request.actor,
            reason=f"{'promoted' if better else 'kept the champion'}: {result.verdict.reason}",
            from_version=champion,
            to_version=version if better else None,
            evidence=evidence | {"asked_by": request.reason, "verdict": result.verdict.model_dump()},
            at=at,
        )
    )
    return entry


def _wanted(action: str, seen: Judgement, request: Request) -> bool:
    if request.force and not request.reason:
        raise PromotionRefused(f"a forced {action} needs a reason", hint="say why in the form; the ledger keeps it")
    return request.force or seen.verdict.action == action


def _reason(action: str, seen: Judgement, request: Request) -> str:
    return "; ".join(seen.verdict.reasons) if seen.verdict.action == action else request.reason


def _trouble_since(place: Installation, seen: Judgement, now: pd.Timestamp) -> pd.Timestamp:
    """First origin of the trouble; of the window that is judged, where a person forces it."""
    spec = place.usecase.spec
    since = seen.verdict.since or (now - spec.policy.window * spec.origins.every)
    return pd.Timestamp(since).tz_convert("UTC")
