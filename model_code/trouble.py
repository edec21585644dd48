"""What is wrong with one series: its latest origins held against the use case's thresholds. Pure; the policy acts on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from model_code.doubt import hours
from model_code.evidence import Evidence, OriginEvidence, PartEvidence, SeriesEvidence
from model_code.specification import Policy

MOSTLY = 0.75
BLATANT_ORIGINS = 2


@dataclass(frozen=True)
class Trouble:
    """One series since the last release. Properties are the judgements, `…_text` the numbers behind them."""

    series: SeriesEvidence
    policy: Policy
    evidence: Evidence
    now: datetime

    @property
    def part(self) -> PartEvidence:
        """What answers for the series."""
        return self.evidence.part_of(self.series)

    @property
    def points(self) -> tuple[OriginEvidence, ...]:
        """Scored origins since the last release, oldest first."""
        return self.series.origins

    @property
    def scored(self) -> int:
        """How many there are."""
        return len(self.points)

    @property
    def age(self) -> timedelta | None:
        """Age of the newest scored origin; where none is scored since the release, of that."""
        newest = self.points[-1].origin if self.points else self.part.released_at
        return None if newest is None else self.now - newest

    @property
    def outdated(self) -> bool:
        """So long without a scored origin that the ones it has are no evidence any more."""
        return self.age is None or self.age > self.policy.max_evidence_age

    @property
    def latest(self) -> tuple[OriginEvidence, ...]:
        """The window that is judged."""
        return self.points[-self.policy.window :]

    @property
    def bad(self) -> int:
        """Bad origins in the window."""
        return self._bad(self.latest)

    @property
    def breach(self) -> bool:
        """Enough bad origins in the window (hysteresis)."""
        return self.bad >= self.policy.breaches

    @property
    def alarm(self) -> bool:
        """The level test alarms now."""
        return self.scored > 0 and self.points[-1].alarm

    @property
    def excursion(self) -> tuple[OriginEvidence, ...]:
        """Latest origins whose level has left the normal on one side."""
        since = self.series.level_since
        return () if since is None else tuple(point for point in self.points if point.origin >= since)

    @property
    def since(self) -> datetime | None:
        """First origin of the trouble: of the level's excursion where it alarms, else of the run of bad origins."""
        points = self.excursion if self.alarm and self.excursion else self._run()
        return points[0].origin if points else None

    @property
    def level_moved(self) -> bool:
        """The level alarms, the excursion lasts, and it costs: the loss of an origin of it is not near, and it has not healed."""
        lasts = len(self.excursion) >= self.policy.min_origins
        costs = any(point.ratio > self.policy.ratio_near for point in self.excursion)
        return self.alarm and lasts and costs and not self.healed

    @property
    def healed(self) -> bool:
        """The excursion goes on, but for `near_origins` the mean loss was near: lags have taken the new level in."""
        latest = self.excursion[-self.policy.near_origins :]
        return len(latest) >= self.policy.near_origins and self._mean_ratio(latest) <= self.policy.ratio_near

    @property
    def blatant(self) -> bool:
        """Every origin since the release is far off, and the previous bundle beats the champion on each."""
        limit = self.policy.blatant_ratio
        return self.scored >= BLATANT_ORIGINS and all(
            point.ratio > limit and point.previous_loss is not None and point.previous_loss < point.loss for point in self.points
        )

    @property
    def began_after_release(self) -> bool:
        """The trouble began no later than `attribution` after the last release."""
        released = self.part.released_at
        started = next((point.origin for point in self._run()), None)
        return released is not None and started is not None and started - released <= self.policy.attribution

    @property
    def blames_release(self) -> bool:
        """The last release is at fault: beaten since, and what it once won on does not make up for that (or it is blatant)."""
        return self.beaten and (self.blatant or self._beaten_on_the_whole())

    @property
    def outlived(self) -> bool:
        """A retrain is beaten by the version before, but not on the whole: the world that it was made for changes again."""
        return self.beaten and not self.blames_release

    @property
    def beaten(self) -> bool:
        """Trouble since the last release, and the bundle before it is clearly better on the same origins."""
        points = self._run()[-self.policy.stale_origins :]
        told = len(points) >= BLATANT_ORIGINS and all(point.previous_loss is not None for point in points)
        if not (told and self.began_after_release):
            return False
        troubled = self.breach or self.blatant or self.alarm or len(points) >= self.policy.near_origins
        return troubled and self._clearly_better([(point.loss, point.previous_loss) for point in points])

    @property
    def stale_model(self) -> bool:
        """Bad for long, or far off for a shorter while, without a change of the level; and the baseline does not share it."""
        near = self.points[-self.policy.near_origins :]
        far_off = sum(point.ratio > self.policy.blatant_ratio for point in near) >= MOSTLY * self.policy.near_origins
        judged = self.points[-self.policy.stale_origins :] if self.lasting else near
        alone = not self.evidence.has_baseline and all(point.baseline_loss is None for point in judged)
        return (self.lasting or far_off) and (alone or self._baseline_better(judged))

    @property
    def evidently_agrees(self) -> bool:
        """Evidently's quality stands above its threshold, and it costs: a breach, mostly bad for a while, the baseline better."""
        near = self.points[-self.policy.near_origins :]
        lasts = len(near) >= self.policy.near_origins and self._mostly_bad(near)
        return self.evidence.evidently_breach is not None and self.breach and lasts and self._baseline_better(near)

    @property
    def bears_rollback(self) -> bool:
        """The version before would cost this series no more than the tolerance, by its losses on the same latest origins."""
        told = [(point.loss, point.previous_loss) for point in self.points[-self.policy.near_origins :]]
        if self.outdated or len(told) < BLATANT_ORIGINS or any(theirs is None for _, theirs in told):
            return False
        mine, theirs = sum(loss for loss, _ in told), sum(loss or 0.0 for _, loss in told)
        return theirs <= (1 + self.policy.scope_tolerance) * mine

    @property
    def lasting(self) -> bool:
        """Mostly bad for as long as a season's whim may last."""
        long = self.points[-self.policy.stale_origins :]
        return len(long) >= self.policy.stale_origins and self._mostly_bad(long)

    @property
    def coverage_slipped(self) -> bool:
        """Intervals cover far too little while the forecasts themselves are as good as expected."""
        coverage = self._mean_coverage()
        objective = self.evidence.coverage_objective
        if coverage is None or objective is None or self.breach or self.alarm:
            return False
        return coverage < objective - self.policy.coverage_slack and self._mean_ratio(self._covered()) <= self.policy.ratio_near

    @property
    def age_text(self) -> str:
        """How long nothing was scored."""
        since = "newest scored origin is" if self.points else "release, since which no origin was scored, is"
        told = "no scored origin" if self.age is None else f"its {since} {hours(self.age)} old"
        return f"stale: {told}, {hours(self.policy.max_evidence_age)} are allowed"

    @property
    def ratio_text(self) -> str:
        """How bad the latest origins are."""
        ratios = ", ".join(f"{point.ratio:.2f}" for point in self.latest)
        return f"live / expected loss {ratios} ({self.bad} of {len(self.latest)} above {self.policy.ratio_breach:g})"

    @property
    def level_text(self) -> str:
        """How far the level has moved."""
        cusum = self.points[-1].cusum if self.points else 0.0
        side = "above" if cusum > 0 else "below"
        state = "alarms" if self.alarm else "is quiet"
        return f"the level test {state} (CUSUM {abs(cusum):.1f} {side} normal, {len(self.excursion)} origins)"

    @property
    def release_text(self) -> str:
        """Why the release is blamed."""
        told = [(point.loss, point.previous_loss) for point in self._run() if point.previous_loss is not None]
        mine, theirs = (sum(values) / len(told) for values in zip(*told, strict=True)) if told else (0.0, 0.0)
        return (
            f"version {self.part.version} loses {mine:.3g} against {theirs:.3g} of version {self.part.previous} "
            f"on the same {len(told)} origins; {self.ratio_text}"
        )

    @property
    def stale_text(self) -> str:
        """Why the model is called stale."""
        judged = self.points[-(self.policy.stale_origins if self.lasting else self.policy.near_origins) :]
        told = [point.baseline_loss for point in judged if point.baseline_loss is not None]
        mine = sum(point.loss for point in judged) / len(judged)
        against = f" against {sum(told) / len(told):.3g} of the baseline" if told else ""
        return f"mean loss {mine:.3g}{against} over {len(judged)} origins while {self.level_text}"

    @property
    def coverage_text(self) -> str:
        """How much the intervals cover."""
        coverage, objective = self._mean_coverage(), self.evidence.coverage_objective
        return f"intervals cover {coverage:.0%} over {len(self._covered())} origins, {objective:.0%} is the objective"

    @property
    def shared_text(self) -> str:
        """Who else has the same trouble."""
        told = [(point.loss, point.baseline_loss) for point in self.latest if point.baseline_loss is not None]
        shared = bool(told) and not self._clearly_better(told)
        return f"{'the baseline is no better on them and ' if shared else ''}{self.level_text}"

    def _beaten_on_the_whole(self) -> bool:
        """Whether the version before is clearly better on every origin known of both, those that a retrain won on included."""
        won = self.part.release.won_on if self.part.release else ()
        if not won:
            return True
        since = [(point.loss, point.previous_loss) for point in self.points]
        return self._clearly_better([*((pair.after, pair.before) for pair in won), *since])

    def _run(self) -> tuple[OriginEvidence, ...]:
        """The present trouble: back to the first bad origin that others follow within a window; the latest ones where none is."""
        bad = [place for place, point in enumerate(self.points) if point.ratio > self.policy.ratio_breach]
        if not bad or self.scored - bad[-1] > self.policy.window:
            return self.points[-self.policy.near_origins :]
        first = bad[-1]
        for place in reversed(bad):
            first = place if first - place <= self.policy.window else first
        return self.points[first:]

    def _covered(self) -> tuple[OriginEvidence, ...]:
        return tuple(point for point in self.points[-self.policy.coverage_origins :] if point.coverage is not None)

    def _mean_coverage(self) -> float | None:
        points = self._covered()
        if len(points) < self.policy.coverage_origins:
            return None
        return sum(point.coverage or 0.0 for point in points) / len(points)

    def _mean_ratio(self, points: Sequence[OriginEvidence]) -> float:
        return sum(point.ratio for point in points) / max(1, len(points))

    def _bad(self, points: Sequence[OriginEvidence]) -> int:
        return sum(point.ratio > self.policy.ratio_breach for point in points)

    def _mostly_bad(self, points: Sequence[OriginEvidence]) -> bool:
        return self._bad(points) >= MOSTLY * len(points)

    def _baseline_better(self, points: Sequence[OriginEvidence]) -> bool:
        """Whether the baseline's losses are known on all of them, and clearly lower."""
        told = [(point.loss, point.baseline_loss) for point in points]
        return all(loss is not None for _, loss in told) and self._clearly_better(told)

    def _clearly_better(self, pairs: Sequence[tuple[float, float | None]]) -> bool:
        """Whether the second of each pair of losses wins on most origins and by more than `ratio_near` on the mean."""
        told = [(mine, theirs) for mine, theirs in pairs if theirs is not None]
        wins = sum(theirs < mine for mine, theirs in told)
        enough = bool(told) and wins >= MOSTLY * len(told)
        return enough and sum(mine for mine, _ in told) > self.policy.ratio_near * sum(theirs for _, theirs in told)


def trouble_of(series: SeriesEvidence, policy: Policy, evidence: Evidence, now: datetime) -> Trouble:
    """The series' latest origins, judged; origins from before the last release are left out."""
    released = evidence.part_of(series).released_at
    since = tuple(point for point in series.origins if released is None or point.origin >= released)
    ordered = tuple(sorted(since, key=lambda point: point.origin))
    return Trouble(series.model_copy(update={"origins": ordered}), policy, evidence, now)
