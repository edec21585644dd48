"""Acting on trouble: look again, and carry out what the policy asks for if the state still does, and who has to agree does."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import pandas as pd

from model_code.bundle import fits
from model_code.challenger import Progress, bundle_of, register
from model_code.errors import BundleError, PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.retraining import Retrained
from model_code.retraining import retrain as judge_slate
from model_code.standing import standing
from model_code.verdict import PairedVerdict
from monitoring.composing import alone, composed, reigning
from monitoring.consent import Answer, Ask, Proposal, is_needed, unasked
from monitoring.judgement import Judgement, look, unread

ASKED_BY = "asked_by"
APPROVAL = "approval"
ASKED = "asked"
ALREADY = "somebody is being asked already"


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


class Judged(Protocol):
    """What an action made, a model or intervals, with the verdict that decides about it."""

    @property
    def verdict(self) -> PairedVerdict:
        """Whether it may replace the champion's."""


Made = TypeVar("Made", bound=Judged, covariant=True)


@dataclass(frozen=True)
class Acted(Generic[Made]):
    """What came of a request.

    Attributes:
        seen: The second look, on which it rests.
        entry: The champion's move; None where it stays.
        version: Version that was registered.
        made: What was made and judged; None for a rollback, and where it was declined or the same request carried out before.
        answer: What the person said who was asked; None where nobody was.
    """

    seen: Judgement
    entry: Entry | None = None
    version: str | None = None
    made: Made | None = None
    answer: Answer | None = None

    @property
    def declined(self) -> bool:
        """Whether the state did not ask for the action any more."""
        return self.entry is None and self.made is None

    @property
    def reason(self) -> str:
        """Why it came out so; one that was carried out before is told by its entry."""
        if self.answer is not None and not self.answer.approved:
            return str(self.answer)
        if self.made is not None:
            return self.made.verdict.reason
        return "" if self.entry is None else self.entry.reason


def roll_back(place: Installation, now: pd.Timestamp, request: Request, *, ask: Ask = unasked) -> Acted[Judged]:
    """Return to the version before, if the policy says so or the request is forced; some entities alone, where only they ask.

    The same request again (actor and reason, within the cool-down) is that rollback, and not one version further.

    Args:
        ask: Asks a person, where the use case wants one; a refusal is noted and starts the cool-down.

    Raises:
        PromotionRefused: Forced without a reason, nothing to return to, or another champion by now.
        BundleError: The champion's bundle cannot be read, and it is not forced; or that of the version before, either.
    """
    place.promoter.recover(place.usecase.name)
    seen = _seen(place, now, request)
    done = carried_out("rollback", place, now, request, seen)
    if done is not None:
        return Acted(seen, done)
    if not wanted("rollback", seen, request):
        return Acted(seen)
    scope, target = alone("rollback", seen), seen.verdict.to_version
    answer = consented("rollback", place, now, request, seen, target if scope else seen.evidence.previous, ask)
    if answer is not None and not answer.approved:
        return Acted(seen, answer=answer)
    if scope:
        target = composed(place, reigning(place, "roll back"), dict.fromkeys(scope, place.bundle_of(str(target))))
    entry = place.promoter.rollback(
        place.usecase.name,
        request.actor,
        reason_of("rollback", seen, request),
        {"seen": seen.evidence.model_dump(mode="json"), ASKED_BY: request.reason},
        now.to_pydatetime(),
        to_version=target,
        scope=scope,
        from_version=seen.evidence.champion,
    )
    return Acted(seen, entry, answer=answer)


def _seen(place: Installation, now: pd.Timestamp, request: Request) -> Judgement:
    """The second look. A champion that cannot be read cannot be judged; a person may leave it for one that can be read."""
    try:
        return look(place, now)
    except BundleError:
        if not request.force:
            raise
        seen = unread(place, now)
        if seen.evidence.previous is not None:
            place.bundle_of(seen.evidence.previous)
        return seen


def retrain(
    place: Installation, now: pd.Timestamp, request: Request, *, progress: Progress = lambda _: None, ask: Ask = unasked
) -> Acted[Retrained]:
    """Judge the slate on the origins since the trouble began; promote its winner or keep the champion.

    The same request again (actor and reason, within the cool-down), once it promoted a winner, changes nothing.

    Args:
        progress: Called with a line for each candidate.
        ask: Asks a person before the winner is promoted, where the use case wants one.

    Raises:
        PromotionRefused: Forced without a reason, or no champion to retrain.
        TooLittleData: Not enough origins.
    """
    place.promoter.recover(place.usecase.name)
    seen = look(place, now)
    done = carried_out("promote", place, now, request, seen)
    if done is not None:
        _note(place, done)  # it may have been killed just before
        return Acted(seen, done, done.to_version)
    if not wanted("retrain", seen, request):
        return Acted(seen)
    since, history, seed = _trouble_since(place, seen, now), place.history(now), place.usecase.spec.seed
    champion = reigning(place, "retrain")
    scope, joins = seen.verdict.scope, fits(place.usecase, champion)
    own = alone("retrain", seen) if joins else ()
    result = judge_slate(place.usecase, history, champion, now, since, seed=seed, scope=scope, alone=bool(own), progress=progress)
    bundle = bundle_of(place, history, now, result.evaluated, seed=seed, quiet_until=since)
    version = register(place, bundle, result.evaluated)
    better = result.verdict.better
    if better and own:
        version = composed(place, champion, dict.fromkeys(own, place.bundle(bundle.hash)))
    answer = consented("retrain", place, now, request, seen, version, ask) if better else None
    return Acted(seen, _settle(place, now, request, seen, version, result, answer, own), version, result, answer)


def _settle(
    place: Installation,
    now: pd.Timestamp,
    request: Request,
    seen: Judgement,
    version: str,
    result: Retrained,
    answer: Answer | None,
    scope: tuple[str, ...],
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
        scope=scope,
        from_version=champion,
        evidence=evidence,
        at=at,
    )
    if not result.verdict.better:
        _note(place, told)
        return None
    if answer is not None and not answer.approved:
        return None  # noted where it was asked
    reason = reason_of("retrain", seen, request)
    entry = place.promoter.promote(
        usecase, version, request.actor, reason, evidence, at, verdict=result.verdict, scope=scope, from_version=champion
    )
    _note(place, told.model_copy(update={"to_version": version}))
    return entry


def _note(place: Installation, told: Entry) -> None:
    """What a retrain came to, from an entry that tells of it; the same note twice is kept once."""
    verdict = told.evidence["verdict"]
    assert isinstance(verdict, dict)
    came_to = "kept the champion" if told.to_version is None else "promoted"
    note = {name: getattr(told, name) for name in ("usecase", "actor", "scope", "from_version", "to_version", "at")}
    note["evidence"] = {name: told.evidence[name] for name in ("losses", ASKED_BY, "verdict")}
    place.ledger.append(Entry(phase="note", action="retrain", reason=f"{came_to}: {verdict['reason']}", **note))


def consented(
    action: str, place: Installation, now: pd.Timestamp, request: Request, seen: Judgement, to_version: str | None, ask: Ask
) -> Answer | None:
    """What the person says who has to agree; None where nobody has to. The answer is noted.

    A refusal is noted as the action itself: it starts the cool-down, so that nobody is asked again at once.
    """
    rule = place.usecase.spec.approval
    if request.force or not is_needed(rule, action):
        return None
    verdict, evidence = seen.verdict.model_dump(mode="json"), seen.evidence
    if _being_asked(place, now, request, action, evidence.champion):
        return Answer(False, "", ALREADY)
    _note_asked(place, now, request, action, evidence.champion)
    answer = ask(Proposal(evidence.usecase, action, evidence.champion, to_version, seen.verdict.reasons, verdict, rule.timeout))
    place.ledger.append(
        Entry(
            phase="note",
            usecase=evidence.usecase,
            action=APPROVAL if answer.approved else action,
            actor=answer.by or request.actor,
            reason=str(answer),
            scope=seen.verdict.scope,
            from_version=evidence.champion,
            evidence={"proposed": verdict | {"to_version": to_version}, ASKED_BY: request.reason},
            at=now.to_pydatetime(),
        )
    )
    return answer


def _note_asked(place: Installation, now: pd.Timestamp, request: Request, action: str, champion: str | None) -> None:
    place.ledger.append(
        Entry(
            phase="note",
            usecase=place.usecase.name,
            action=ASKED,
            actor=request.actor,
            reason=f"a person is asked for {action}",
            from_version=champion,
            evidence={"asked": action, ASKED_BY: request.reason},
            at=now.to_pydatetime(),
        )
    )


def _being_asked(place: Installation, now: pd.Timestamp, request: Request, action: str, champion: str | None) -> bool:
    """Whether another request waits for a person by now about the same move; one that was killed asks again itself."""
    notes = [entry for entry in place.ledger.entries(place.usecase.name) if entry.phase == "note"]
    asked = [number for number, note in enumerate(notes) if note.action == ASKED]
    if not asked:
        return False
    last, entry = asked[-1], notes[asked[-1]]
    answered = any("proposed" in later.evidence for later in notes[last + 1 :])
    same_move = (entry.evidence.get("asked"), entry.from_version) == (action, champion)
    same_request = (entry.actor, entry.evidence.get(ASKED_BY)) == (request.actor, request.reason)
    waits = entry.at <= now < entry.at + place.usecase.spec.approval.timeout
    return waits and same_move and not answered and not same_request


def carried_out(action: str, place: Installation, now: pd.Timestamp, request: Request, seen: Judgement) -> Entry | None:
    """The latest move, if this very request led to it: who was killed, or is two, asks again. For other entities it did not."""
    last = standing(place.ledger.entries(place.usecase.name)).last
    if last is None or (last.action, last.actor, last.evidence.get(ASKED_BY)) != (action, request.actor, request.reason):
        return None
    if last.scope and seen.evidence.divisible and seen.verdict.scope and set(last.scope).isdisjoint(seen.verdict.scope):
        return None
    return last if now - place.usecase.spec.policy.cooldown < last.at <= now else None


def wanted(action: str, seen: Judgement, request: Request) -> bool:
    """Whether the second look asks for it, or a person who says why.

    Raises:
        PromotionRefused: Forced without a reason.
    """
    if request.force and not request.reason:
        raise PromotionRefused(f"a forced {action} needs a reason", hint="say why in the form; the ledger keeps it")
    return request.force or seen.verdict.action == action


def reason_of(action: str, seen: Judgement, request: Request) -> str:
    """Why, for the ledger: the policy's reasons, or the person's."""
    return "; ".join(seen.verdict.reasons) if seen.verdict.action == action else request.reason


def _trouble_since(place: Installation, seen: Judgement, now: pd.Timestamp) -> pd.Timestamp:
    """First origin of the trouble; of the window that is judged, where a person forces it."""
    spec = place.usecase.spec
    since = seen.verdict.since or (now - spec.policy.window * spec.origins.every)
    return pd.Timestamp(since).tz_convert("UTC")
