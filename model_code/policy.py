"""From evidence to a verdict: hold, recalibrate, rollback or retrain. Pure; docs/policy.md tells the rules in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from model_code.doubt import SideEffect, doubt_of, hours
from model_code.evidence import Action, ActionName, Evidence, Fact
from model_code.incidents import confirmed, departing, faults_of, remedies, slice_text
from model_code.specification import Policy
from model_code.trouble import Trouble, trouble_of

WEEK = timedelta(days=7)
URGENCY: tuple[ActionName, ...] = ("rollback", "retrain", "recalibrate", "hold")


class Verdict(Fact):
    """What to do, and why.

    Attributes:
        action: hold, recalibrate, rollback or retrain.
        reasons: Sentences with the numbers behind the verdict.
        side_effects: `page` a person, `refresh` the data, `quarantine` what the data faults name.
        scope: The series that asked for it; empty means all of them. Where the evidence is divisible, the action is about
            them alone. Else it moves the whole bundle, also for those that did not ask: a rollback only where they bear it,
            by their own losses.
        to_version: Where a rollback goes; with a scope, what answers for the series in it from then on.
        since: First origin of the trouble that is acted on; a retrain is judged on the origins from there.
        troubled: The series that ask for an action, also where it has to wait, or for a person.
        calm: Whether every series is on an even keel, with nothing to do, to wait for or to tell a person.
    """

    action: ActionName
    reasons: tuple[str, ...]
    side_effects: tuple[SideEffect, ...] = ()
    scope: tuple[str, ...] = ()
    to_version: str | None = None
    since: AwareDatetime | None = None
    troubled: tuple[str, ...] = ()
    calm: bool = False


@dataclass(frozen=True)
class _Wish:
    """What one series asks for, before scope, cool-down and budget are looked at."""

    action: ActionName
    reason: str
    side_effects: tuple[SideEffect, ...] = ()
    to_version: str | None = None
    waits: bool = False
    calm: bool = False

    @property
    def troubled(self) -> bool:
        """Whether it asks for an action, also for one that has to wait, or for a person."""
        return self.action != "hold" or self.waits or bool(self.side_effects)


def decide(policy: Policy, evidence: Evidence, history: Sequence[Action], now: datetime) -> Verdict:
    """The verdict on the evidence, given what was done before.

    Args:
        policy: The use case's thresholds.
        evidence: What is known of data, predictions and releases.
        history: Earlier actions that were carried out, in any order.
        now: When it is decided (aware); simulated or real.

    Returns:
        Hold whenever in doubt: stale or faulty data are no ground to act on, and no good news either.

    Example:
        >>> from datetime import UTC
        >>> moment = datetime(2024, 7, 1, tzinfo=UTC)
        >>> decide(Policy(), Evidence(usecase="demand", at=moment), (), moment).side_effects
        ('page',)
    """
    doubt = doubt_of(policy, evidence, now)
    if doubt is not None:
        effects = {*doubt.side_effects, *remedies(evidence.data_faults)}
        return Verdict(action="hold", reasons=(doubt.reason, *_faults(evidence)), side_effects=tuple(sorted(effects)))
    troubles = {series.name: trouble_of(series, policy, evidence, now) for series in evidence.series}
    restraints = {name: _restraint(policy, history, now, (name,)) if evidence.divisible else None for name in troubles}
    wanted = _wanted(troubles, restraints, policy, evidence)
    whole = not evidence.divisible
    restraint = None if wanted.action == "hold" else _restraint(policy, history, now, () if whole else wanted.scope)
    if restraint is None:
        return wanted
    reasons = (restraint, *(f"wanted {wanted.action}: {reason}" for reason in wanted.reasons))
    return Verdict(action="hold", reasons=reasons, side_effects=wanted.side_effects, troubled=wanted.troubled)


def _wanted(troubles: Mapping[str, Trouble], restraints: Mapping[str, str | None], policy: Policy, evidence: Evidence) -> Verdict:
    """The verdict before the whole's cool-down and budget: the most urgent wish, where those that did not ask bear it."""
    wishes = {name: _restrained(_wish(trouble, policy, evidence), restraints[name]) for name, trouble in troubles.items()}
    if not evidence.divisible:
        wishes = _borne(wishes, troubles, policy, evidence)
    action = next(kind for kind in URGENCY if any(wish.action == kind for wish in wishes.values()))
    asking, target = _asking(action, wishes, troubles, evidence)
    reasons = tuple(f"{name}: {wishes[name].reason}" for name in asking)
    reasons += _told_elsewhere(wishes, asking)
    effects = {effect for wish in wishes.values() for effect in wish.side_effects} | {*remedies(evidence.data_faults)}
    everyone = len(asking) == len(wishes) and (target is None or target == evidence.previous)
    verdict = Verdict(
        action=action,
        reasons=reasons + _warnings(policy, evidence, reasons),
        side_effects=tuple(sorted(effects)),
        scope=() if action == "hold" or everyone else asking,
        to_version=target,
        since=_since(action, [troubles[name] for name in asking]),
        troubled=tuple(sorted(name for name, wish in wishes.items() if wish.troubled)),
        calm=not effects and all(wish.calm for wish in wishes.values()),
    )
    return _with_slices(verdict, policy, evidence)


def _asking(
    action: ActionName, wishes: Mapping[str, _Wish], troubles: Mapping[str, Trouble], evidence: Evidence
) -> tuple[tuple[str, ...], str | None]:
    """Who is heard, and where a rollback goes: one target at a time, that of all or the one that most series go back to."""
    asking = tuple(sorted(name for name, wish in wishes.items() if wish.action == action))
    if action != "rollback":
        return asking, None
    together = len(asking) == len(wishes) and all(trouble.part.shared for trouble in troubles.values())
    if together or not evidence.divisible:
        return asking, evidence.previous
    targets = [wishes[name].to_version for name in asking]
    target = max(dict.fromkeys(targets), key=targets.count)
    return tuple(name for name in asking if wishes[name].to_version == target), target


def _restrained(wish: _Wish, restraint: str | None) -> _Wish:
    """What a series wants that has to wait is told, and its page goes out."""
    if wish.action == "hold" or restraint is None:
        return wish
    return replace(wish, action="hold", reason=f"{restraint}; wanted {wish.action}: {wish.reason}", waits=True)


def _since(action: ActionName, asking: Sequence[Trouble]) -> datetime | None:
    if action == "hold":
        return None
    return min((trouble.since for trouble in asking if trouble.since is not None), default=None)


def _wish(trouble: Trouble, policy: Policy, evidence: Evidence) -> _Wish:
    """The rules, first match wins; see docs/policy.md."""
    faults = faults_of(trouble.series.name, evidence)
    if faults:
        return _Wish("hold", f"data at fault: {'; '.join(fault.text for fault in faults)}", remedies(faults))
    if trouble.outdated:
        return _Wish("hold", trouble.age_text, ("page",))
    if trouble.blames_release and (trouble.scored >= policy.min_origins or trouble.blatant):
        return _rollback_wish(trouble)
    if trouble.scored < policy.min_origins:
        return _Wish("hold", f"{trouble.scored} origins scored since the last release, {policy.min_origins} are needed")
    if trouble.level_moved:
        return _Wish("retrain", f"the world changed: {trouble.level_text}; {trouble.ratio_text}")
    if trouble.outlived:
        return _Wish("retrain", f"the world changes again: {trouble.release_text}, but not with those that it was made for")
    if trouble.stale_model:
        return _Wish("retrain", f"the model is stale: {trouble.stale_text}")
    if trouble.evidently_agrees:
        return _Wish("retrain", f"Evidently and the losses agree: {evidence.evidently_breach}; {trouble.stale_text}")
    if trouble.coverage_slipped:
        return _Wish("recalibrate", f"{trouble.coverage_text}; {trouble.ratio_text}")
    return _nothing_to_do(trouble)


def _nothing_to_do(trouble: Trouble) -> _Wish:
    page: tuple[SideEffect, ...] = ("page",) if trouble.lasting else ()
    if trouble.breach:
        return _Wish("hold", f"{trouble.ratio_text}, but {trouble.shared_text}: a hard spell, not a lasting change", page)
    if trouble.alarm:
        return _Wish("hold", f"{trouble.level_text}, but the forecasts bear it: {trouble.ratio_text}")
    return _Wish("hold", f"on an even keel: {trouble.ratio_text}", calm=True)


def _rollback_wish(trouble: Trouble) -> _Wish:
    target, part = trouble.part.previous, trouble.part
    if target is None or target in part.bad or target == part.version:
        why = "there is no version before it" if target is None else f"version {target} is known to be bad"
        return _Wish("hold", f"{trouble.release_text}, but {why}", ("page",))
    return _Wish("rollback", f"{trouble.release_text}; back to version {target}", ("page",), target)


def _borne(wishes: Mapping[str, _Wish], troubles: Mapping[str, Trouble], policy: Policy, evidence: Evidence) -> dict[str, _Wish]:
    """One bad series rolls back no other: a rollback that those who did not ask would pay for becomes hold, and a page.

    A series whose data are at fault has no say: its losses tell nothing.
    """
    others = [name for name, wish in wishes.items() if wish.action != "rollback"]
    paying = sorted(name for name in others if not (troubles[name].bears_rollback or faults_of(name, evidence)))
    if not paying or len(others) == len(wishes):
        return dict(wishes)
    why = f"but {', '.join(paying)} would lose by it more than {policy.scope_tolerance:.0%}, or it is not known: a person decides"
    return {
        name: replace(wish, action="hold", reason=f"{wish.reason}, {why}") if wish.action == "rollback" else wish
        for name, wish in wishes.items()
    }


def _told_elsewhere(wishes: Mapping[str, _Wish], asking: Sequence[str]) -> tuple[str, ...]:
    """What a person is called for in a series that did not get its way, or that has no say for its data are at fault."""
    rest = sorted(name for name, wish in wishes.items() if name not in asking and wish.side_effects)
    return tuple(f"{name}: {wishes[name].reason}" for name in rest)


def _with_slices(verdict: Verdict, policy: Policy, evidence: Evidence) -> Verdict:
    """A slice that departs is an incident of its own: told and paged; acted on only where it lasts and is confirmed."""
    found = departing(evidence)
    if not found:
        return verdict
    reasons = (*(slice_text(each) for each in found), *verdict.reasons)
    effects = tuple(sorted({*verdict.side_effects, "page"}))
    sure = verdict.action == "hold" and not evidence.data_faults and any(confirmed(each, policy) for each in found)
    action = "retrain" if sure else verdict.action
    return verdict.model_copy(update={"action": action, "reasons": reasons, "side_effects": effects, "calm": False})


def _restraint(policy: Policy, history: Sequence[Action], now: datetime, scope: Sequence[str]) -> str | None:
    """Why an action has to wait, if it has to: what was done to somebody concerned counts, and what was done to all.

    Args:
        scope: The series concerned; empty means all.
    """
    done = [action for action in history if action.action != "hold" and action.concerns(scope)]
    latest = max(done, key=lambda action: (action.at, action.action), default=None)
    if latest is not None and now - latest.at < policy.cooldown:
        return f"cooling down: {latest.action} {hours(now - latest.at)} ago, {hours(policy.cooldown)} lie between two actions"
    recent = sum(now - action.at < WEEK for action in done)
    if recent >= policy.actions_per_week:
        return f"over budget: {recent} actions in the last 7 days, {policy.actions_per_week} are allowed"
    return None


def _faults(evidence: Evidence) -> tuple[str, ...]:
    return tuple(f"data at fault: {fault.text}" for fault in evidence.data_faults)


def _warnings(policy: Policy, evidence: Evidence, reasons: Sequence[str]) -> tuple[str, ...]:
    """What Evidently says that is no reason for the verdict."""
    breach = evidence.evidently_breach
    told = [f"warning only: {breach}"] if breach and not any(breach in reason for reason in reasons) else []
    share = evidence.drifted_share
    if share is not None and share >= policy.evidently_share:
        told.append(f"warning only: {share:.0%} of the feature columns drifted by Evidently's test")
    return tuple(told)
