"""From evidence to a verdict: hold, recalibrate, rollback or retrain. Pure; docs/policy.md tells the rules in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime

from model_code.evidence import Action, ActionName, Evidence, Fact
from model_code.specification import Policy
from model_code.trouble import Trouble, trouble_of

WEEK = timedelta(days=7)
SideEffect = Literal["page", "refresh"]
URGENCY: tuple[ActionName, ...] = ("rollback", "retrain", "recalibrate", "hold")


class Verdict(Fact):
    """What to do, and why.

    Attributes:
        action: hold, recalibrate, rollback or retrain.
        reasons: Sentences with the numbers behind the verdict.
        side_effects: `page` a person, `refresh` the data.
        scope: The series that asked for it; empty means all of them.
        to_version: Where a rollback goes.
        since: First origin of the trouble that is acted on; a retrain is judged on the origins from there.
    """

    action: ActionName
    reasons: tuple[str, ...]
    side_effects: tuple[SideEffect, ...] = ()
    scope: tuple[str, ...] = ()
    to_version: str | None = None
    since: AwareDatetime | None = None


@dataclass(frozen=True)
class _Wish:
    """What one series asks for, before cool-down and budget are looked at."""

    action: ActionName
    reason: str
    side_effects: tuple[SideEffect, ...] = ()


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
    doubt = _doubt(policy, evidence, now)
    if doubt is not None:
        return doubt
    warnings = _warnings(policy, evidence)
    troubles = {series.name: trouble_of(series, policy, evidence) for series in evidence.series}
    wishes = {name: _wish(trouble, policy, evidence) for name, trouble in troubles.items()}
    action = next(kind for kind in URGENCY if any(wish.action == kind for wish in wishes.values()))
    asking = tuple(sorted(name for name, wish in wishes.items() if wish.action == action))
    reasons = tuple(f"{name}: {wishes[name].reason}" for name in asking) + warnings
    effects = tuple(sorted({effect for name in asking for effect in wishes[name].side_effects}))
    if action == "hold":
        return Verdict(action="hold", reasons=reasons, side_effects=effects)
    restraint = _restraint(policy, history, now)
    if restraint is not None:
        return Verdict(action="hold", reasons=(restraint, *(f"wanted {action}: {reason}" for reason in reasons)))
    return Verdict(
        action=action,
        reasons=reasons,
        side_effects=effects,
        scope=() if len(asking) == len(wishes) else asking,
        to_version=evidence.previous if action == "rollback" else None,
        since=min((since for name in asking if (since := troubles[name].since) is not None), default=None),
    )


def _doubt(policy: Policy, evidence: Evidence, now: datetime) -> Verdict | None:
    """Hold, where the evidence itself cannot be trusted."""
    if evidence.data_age is None or evidence.data_age > policy.max_data_age:
        age = "there are none" if evidence.data_age is None else f"the newest are {_hours(evidence.data_age)} old"
        reason = f"data at fault: {age}, {_hours(policy.max_data_age)} are allowed"
        return Verdict(action="hold", reasons=(reason,), side_effects=("page", "refresh"))
    if evidence.quarantined_share > policy.max_quarantined:
        share, limit = f"{evidence.quarantined_share:.0%}", f"{policy.max_quarantined:.0%}"
        reason = f"data at fault: {share} of the recent rows are in quarantine, {limit} are allowed"
        return Verdict(action="hold", reasons=(reason,), side_effects=("page", "refresh"))
    if now - evidence.at > policy.max_evidence_age:
        reason = f"stale: the evidence was gathered {_hours(now - evidence.at)} ago"
        return Verdict(action="hold", reasons=(reason,), side_effects=("page",))
    newest, released = evidence.newest_origin, evidence.released_at
    if newest is None and released is not None and now - released <= policy.max_evidence_age:
        return Verdict(action="hold", reasons=(f"no origin scored yet since the release {_hours(now - released)} ago",))
    if newest is None or now - newest > policy.max_evidence_age:
        told = "no scored origin" if newest is None else f"the newest scored origin is {_hours(now - newest)} old"
        reason = f"stale: {told}, {_hours(policy.max_evidence_age)} are allowed"
        return Verdict(action="hold", reasons=(reason,), side_effects=("page",))
    return None


def _wish(trouble: Trouble, policy: Policy, evidence: Evidence) -> _Wish:
    """The rules, first match wins; see docs/policy.md."""
    if trouble.blames_release and (trouble.scored >= policy.min_origins or trouble.blatant):
        return _rollback_wish(trouble, evidence)
    if trouble.scored < policy.min_origins:
        return _Wish("hold", f"{trouble.scored} origins scored since the last release, {policy.min_origins} are needed")
    if trouble.level_moved:
        return _Wish("retrain", f"the world changed: {trouble.level_text}; {trouble.ratio_text}")
    if trouble.stale_model:
        return _Wish("retrain", f"the model is stale: {trouble.stale_text}")
    if trouble.coverage_slipped:
        return _Wish("recalibrate", f"{trouble.coverage_text}; {trouble.ratio_text}")
    page: tuple[SideEffect, ...] = ("page",) if trouble.lasting else ()
    if trouble.breach:
        return _Wish("hold", f"{trouble.ratio_text}, but {trouble.shared_text}: a hard spell, not a lasting change", page)
    if trouble.alarm:
        return _Wish("hold", f"{trouble.level_text}, but the forecasts bear it: {trouble.ratio_text}")
    return _Wish("hold", f"on an even keel: {trouble.ratio_text}")


def _rollback_wish(trouble: Trouble, evidence: Evidence) -> _Wish:
    target = evidence.previous
    if target is None or target in evidence.bad_versions or target == evidence.champion:
        why = "there is no version before it" if target is None else f"version {target} is known to be bad"
        return _Wish("hold", f"{trouble.release_text}, but {why}", ("page",))
    return _Wish("rollback", f"{trouble.release_text}; back to version {target}", ("page",))


def _restraint(policy: Policy, history: Sequence[Action], now: datetime) -> str | None:
    """Why an action has to wait, if it has to."""
    done = [action for action in history if action.action != "hold"]
    latest = max(done, key=lambda action: (action.at, action.action), default=None)
    if latest is not None and now - latest.at < policy.cooldown:
        return f"cooling down: {latest.action} {_hours(now - latest.at)} ago, {_hours(policy.cooldown)} lie between two actions"
    recent = sum(now - action.at < WEEK for action in done)
    if recent >= policy.actions_per_week:
        return f"over budget: {recent} actions in the last 7 days, {policy.actions_per_week} are allowed"
    return None


def _warnings(policy: Policy, evidence: Evidence) -> tuple[str, ...]:
    share = evidence.drifted_share
    if share is None or share < policy.evidently_share:
        return ()
    return (f"warning only: {share:.0%} of the feature columns drifted by Evidently's test",)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
