"""Looking once: gather the evidence as known at a moment and let the policy decide. Used by the monitor, and again before acting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from model_code.doubt import hours
from model_code.errors import DataError
from model_code.evidence import Action, Evidence, Release
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.policy import Verdict, decide
from model_code.specification import Policy
from model_code.standing import standing
from monitoring.evidence import gather
from monitoring.evidently import FeatureDrift
from monitoring.releases import actions_of, releases_of
from monitoring.reports.standing import standing_breach

RECENT = timedelta(days=7)
LATELY = 2  # origins
UNUSUAL = 3.0  # standard deviations of the level test
UNREAD = "the champion's bundle cannot be read: nothing is known of its answers"
UNDER_WAY = timedelta(minutes=5)  # so long a look may take: what was done since it began is no wrong clock
VERDICT = "verdict"  # action of the ledger notes that a monitor run leaves


@dataclass(frozen=True)
class Judgement:
    """One look: what was seen, and what the policy makes of it."""

    evidence: Evidence
    verdict: Verdict
    drift: FeatureDrift | None = None


def look(
    place: Installation, now: pd.Timestamp, drift: FeatureDrift | None = None, *, evidently_breach: str | None = None
) -> Judgement:
    """Judge the use case as it stands at `now`; where somebody acted later than that, hold.

    Args:
        drift: Evidently's values, if a report was made; recorded as a warning.
        evidently_breach: That of the same report. Without a report, what the last one found stands.

    Raises:
        DataError: Nothing was ever released.
        TooLittleData: The target's feed has no table yet.
    """
    moment, entries = now.to_pydatetime(), place.ledger.entries(place.usecase.name)
    doubt = _of_clocks(entries, moment)
    if doubt is not None:
        return Judgement(_told_by(place, entries, moment), doubt)
    share = None if drift is None else drift.drifted_share
    breach = standing_breach(place, now) if drift is None else evidently_breach
    gathered = gather(place, moment, drifted_share=share, quarantined_share=quarantined_share(place, now))
    evidence = gathered.model_copy(update={"evidently_breach": breach})
    return Judgement(evidence, decide(place.usecase.spec.policy, evidence, actions_of(entries), moment), drift)


def unread(place: Installation, now: pd.Timestamp) -> Judgement:
    """What the ledger alone tells, where the champion's bundle cannot be read: nothing of its answers, so the verdict is to hold.

    Raises:
        DataError: Nothing was ever released.
    """
    evidence = _told_by(place, place.ledger.entries(place.usecase.name), now.to_pydatetime())
    if not evidence.releases:
        raise DataError(f"{place.usecase.name}: nothing was ever released", hint="run the train flow first")
    return Judgement(evidence, Verdict(action="hold", reasons=(UNREAD,), side_effects=("page",)))


def _of_clocks(entries: Sequence[Entry], now: datetime) -> Verdict | None:
    """To hold, where a release or an action lies in the future: a clock jumped back, or another run was quicker by a moment."""
    acted: list[Release | Action] = [*releases_of(entries), *actions_of(entries)]
    told = max(acted, key=lambda each: each.at, default=None)
    if told is None or told.at <= now:
        return None
    if told.at - now <= UNDER_WAY:
        return Verdict(action="hold", reasons=(f"while this look was under way another run was quicker: {told.action}",))
    reason = f"clocks disagree: the ledger's latest {told.action} is {hours(told.at - now)} in the future"
    return Verdict(action="hold", reasons=(reason,), side_effects=("page",))


def _told_by(place: Installation, entries: Sequence[Entry], now: datetime) -> Evidence:
    """What the ledger alone tells."""
    reached = standing(entries)
    return Evidence(
        usecase=place.usecase.name,
        at=now,
        champion=reached.good[-1] if reached.good else None,
        previous=reached.previous,
        bad_versions=tuple(sorted(reached.bad)),
        releases=releases_of(entries),
    )


def restless(evidence: Evidence, policy: Policy) -> bool:
    """Whether to look again soon: a release not yet judged, a level out of the ordinary, or a loss far off lately."""
    for series in evidence.series:
        lately = series.origins[-LATELY:]
        if len(series.origins) < policy.window and len(evidence.releases) > 1:
            return True
        if any(point.alarm or abs(point.level_z) >= UNUSUAL or point.ratio > policy.blatant_ratio for point in lately):
            return True
    return False


def quarantined_share(place: Installation, now: pd.Timestamp) -> float:
    """Share of the target feed's rows of the last week whose latest word is in quarantine, as known at `now`."""
    usecase, feed = place.usecase.name, place.usecase.spec.target.feed
    refused = place.store.quarantined(usecase, feed)
    refused = refused[(refused["time"] >= now - RECENT) & (refused["refused_at"] <= now)]
    good = place.store.as_of(usecase, feed, now.to_pydatetime(), start=(now - RECENT).to_pydatetime())
    keys = pd.MultiIndex.from_frame(refused[["entity", "time"]].drop_duplicates())
    bad = len(keys.difference(pd.MultiIndex.from_frame(good[["entity", "time"]])))
    return bad / max(1, bad + len(good))
