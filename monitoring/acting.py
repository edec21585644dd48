"""Acting on trouble: look again, and carry out the rollback or the retrain if the state still asks for it."""

from dataclasses import dataclass

import pandas as pd

from model_code.challenger import Progress, bundle_of, register
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.retraining import Retrained
from model_code.retraining import retrain as judge_slate
from model_code.standing import standing
from monitoring.judgement import Judgement, look

ASKED_BY = "asked_by"


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
        retrained: How it was judged; None as well where the same request was carried out before.
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

    The same request again (actor and reason, within the cool-down) is that rollback, and not one version further.

    Raises:
        PromotionRefused: Forced without a reason, nothing to return to, or another champion by now.
    """
    place.promoter.recover(place.usecase.name)
    seen = look(place, now)
    done = _carried_out("rollback", place, now, request)
    if done is not None:
        return Acted(seen, done)
    if not _wanted("rollback", seen, request):
        return Acted(seen)
    entry = place.promoter.rollback(
        place.usecase.name,
        request.actor,
        _reason("rollback", seen, request),
        {"seen": seen.evidence.model_dump(mode="json"), ASKED_BY: request.reason},
        now.to_pydatetime(),
        to_version=seen.verdict.to_version,
        from_version=seen.evidence.champion,
    )
    return Acted(seen, entry)


def retrain(place: Installation, now: pd.Timestamp, request: Request, *, progress: Progress = lambda _: None) -> Acted:
    """Judge the slate on the origins since the trouble began; promote its winner or keep the champion.

    The same request again (actor and reason, within the cool-down), once it promoted a winner, changes nothing.

    Args:
        progress: Called with a line for each candidate.

    Raises:
        PromotionRefused: Forced without a reason, or no champion to retrain.
        TooLittleData: Not enough origins.
    """
    place.promoter.recover(place.usecase.name)
    seen = look(place, now)
    done = _carried_out("promote", place, now, request)
    if done is not None:
        _note(place, done)  # it may have been killed just before
        return Acted(seen, done, done.to_version)
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
    usecase, champion, at = place.usecase.name, seen.evidence.champion, now.to_pydatetime()
    losses = result.losses.assign(origin=result.losses["origin"].astype(str)).to_dict("records")
    evidence = {"losses": losses, ASKED_BY: request.reason, "verdict": result.verdict.model_dump()}
    told = Entry(
        phase="note",
        usecase=usecase,
        action="retrain",
        actor=request.actor,
        reason="",
        from_version=champion,
        evidence=evidence,
        at=at,
    )
    if not result.verdict.better:
        _note(place, told)
        return None
    reason = _reason("retrain", seen, request)
    entry = place.promoter.promote(
        usecase, version, request.actor, reason, evidence, at, verdict=result.verdict, from_version=champion
    )
    _note(place, told.model_copy(update={"to_version": version}))
    return entry


def _note(place: Installation, told: Entry) -> None:
    """What a retrain came to, from an entry that tells of it; the same note twice is kept once."""
    verdict = told.evidence["verdict"]
    assert isinstance(verdict, dict)
    came_to = "kept the champion" if told.to_version is None else "promoted"
    note = {name: getattr(told, name) for name in ("usecase", "actor", "from_version", "to_version", "at")}
    note["evidence"] = {name: told.evidence[name] for name in ("losses", ASKED_BY, "verdict")}
    place.ledger.append(Entry(phase="note", action="retrain", reason=f"{came_to}: {verdict['reason']}", **note))


def _carried_out(action: str, place: Installation, now: pd.Timestamp, request: Request) -> Entry | None:
    """The latest move, if this very request led to it: who was killed, or is two, asks again."""
    last = standing(place.ledger.entries(place.usecase.name)).last
    if last is None or (last.action, last.actor, last.evidence.get(ASKED_BY)) != (action, request.actor, request.reason):
        return None
    return last if now - place.usecase.spec.policy.cooldown < last.at <= now else None


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
