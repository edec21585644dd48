"""When evidence is no ground to act on: nothing known, old, from another clock, or no numbers. Pure; the policy asks it first."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from model_code.evidence import Evidence, OriginEvidence
from model_code.specification import Policy

SideEffect = Literal["page", "refresh", "quarantine"]
NUMBERS = ("loss", "expected_loss", "bias", "level_z", "cusum", "previous_loss", "baseline_loss", "coverage")


@dataclass(frozen=True)
class Doubt:
    """Why nobody should act, and what to do instead."""

    reason: str
    side_effects: tuple[SideEffect, ...] = ()


def doubt_of(policy: Policy, evidence: Evidence, now: datetime) -> Doubt | None:
    """The first doubt about the evidence as a whole; None where it can be judged.

    Args:
        policy: The use case's thresholds.
        evidence: What is known.
        now: When it is judged (aware).
    """
    return next(_doubts(policy, evidence, now), None)


def _doubts(policy: Policy, evidence: Evidence, now: datetime) -> Iterator[Doubt]:
    yield from _of_data(policy, evidence)
    yield from _of_clocks(evidence, now)
    yield from _of_numbers(evidence)
    yield from _of_age(policy, evidence, now)


def _of_data(policy: Policy, evidence: Evidence) -> Iterator[Doubt]:
    if evidence.data_age is None or evidence.data_age > policy.max_data_age:
        age = "there are none" if evidence.data_age is None else f"the newest are {hours(evidence.data_age)} old"
        yield Doubt(f"data at fault: {age}, {hours(policy.max_data_age)} are allowed", ("page", "refresh"))
    if evidence.quarantined_share > policy.max_quarantined:
        share, limit = f"{evidence.quarantined_share:.0%}", f"{policy.max_quarantined:.0%}"
        yield Doubt(f"data at fault: {share} of the recent rows are in quarantine, {limit} are allowed", ("page", "refresh"))


def _of_clocks(evidence: Evidence, now: datetime) -> Iterator[Doubt]:
    """A clock that jumped back makes the future of what is recorded already."""
    moments = {"the evidence": evidence.at, "the last release": evidence.released_at, "a scored origin": evidence.newest_origin}
    for what, moment in moments.items():
        if moment is not None and moment > now:
            yield Doubt(f"clocks disagree: {what} is {hours(moment - now)} in the future", ("page",))


def _of_numbers(evidence: Evidence) -> Iterator[Doubt]:
    for series in evidence.series:
        if any(not _finite(point) for point in series.origins):
            yield Doubt(f"{series.name}: a loss or level is no finite number", ("page",))
        twice = [origin for origin, count in Counter(point.origin for point in series.origins).items() if count > 1]
        if twice:
            yield Doubt(f"{series.name}: the origin {min(twice).isoformat()} is told twice", ("page",))


def _of_age(policy: Policy, evidence: Evidence, now: datetime) -> Iterator[Doubt]:
    if now - evidence.at > policy.max_evidence_age:
        yield Doubt(f"stale: the evidence was gathered {hours(now - evidence.at)} ago", ("page",))
    newest, released = evidence.newest_origin, evidence.released_at
    if newest is None and released is not None and now - released <= policy.max_evidence_age:
        bad = (evidence.estimated_ratio or 0.0) > policy.ratio_breach
        told = f"no origin scored yet since the release {hours(now - released)} ago"
        yield Doubt(told + _estimate(evidence), ("page",) if bad else ())
    elif newest is None or now - newest > policy.max_evidence_age:
        told = "no scored origin" if newest is None else f"the newest scored origin is {hours(now - newest)} old"
        reason = f"stale: {told}, {hours(policy.max_evidence_age)} are allowed"
        yield Doubt(reason + _estimate(evidence), ("page",))


def _estimate(evidence: Evidence) -> str:
    """What is thought of the origins without truth: for people, no ground to act."""
    ratio = evidence.estimated_ratio
    return "" if ratio is None else f"; live / expected loss is estimated at {ratio:.2f} until the truth comes"


def _finite(point: OriginEvidence) -> bool:
    told = [value for name in NUMBERS if (value := getattr(point, name)) is not None]
    return all(math.isfinite(value) for value in told)


def hours(span: timedelta) -> str:
    """A span for people."""
    return f"{span.total_seconds() / 3600:.1f} h"
