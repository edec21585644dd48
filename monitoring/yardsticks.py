"""What the policy compares with, and what it concludes, as gauges: rules and panels use the same numbers as the verdict."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from model_code.drift import DriftProfile
from model_code.evidence import Evidence
from model_code.installation import Installation
from model_code.metrics import CATALOGUE, reports
from model_code.metrics.labels import ACTIONS
from model_code.policy import Verdict
from model_code.specification import UseCaseSpec
from model_code.trouble import trouble_of
from monitoring.gauges import Gauge

# Told in full by every monitor run; what Evidently says stands until its next report.
EVERY_RUN = frozenset(metric.name for metric in CATALOGUE if metric.source == "monitor") - {m.name for m in reports.METRICS}
MISSED = 2  # periods after which one of them was missed
GRACE = timedelta(hours=1)  # that a monitor run may start late


def yardsticks(
    spec: UseCaseSpec, evidence: Evidence, verdict: Verdict, level_thresholds: Mapping[str, float], now: datetime
) -> list[Gauge]:
    """All gauges of one monitor run that `readings` does not make of the evidence alone.

    Args:
        spec: Of the use case.
        evidence: What the policy saw.
        verdict: What it made of it.
        level_thresholds: Series -> CUSUM above which the champion's level test alarms.
        now: The moment of judging (aware; simulated in a simulation).
    """
    name = evidence.usecase
    gauges = [Gauge(name, "evenkeel_threshold", value, {"name": of}) for of, value in stated(spec).items()]
    for series, value in level_thresholds.items():
        gauges.append(Gauge(name, "evenkeel_level_threshold", value, {"series": series}))
    return [*gauges, *_concluded(spec, evidence, verdict, now)]


def level_thresholds(place: Installation) -> dict[str, float]:
    """Series -> CUSUM above which the champion's level test alarms; nothing where there is no champion.

    Raises:
        BundleError: The champion's bundle cannot be loaded.
    """
    pointer = place.pointers.get(place.usecase.name)
    if pointer is None:
        return {}
    profile = DriftProfile.model_validate(place.bundle(pointer.wanted).profile["drift"])
    return {name: series.level.threshold for name, series in profile.series.items()}


def stated(spec: UseCaseSpec) -> dict[str, float]:
    """The use case's thresholds, by the names of `model_code.metrics.thresholds`."""
    policy, every = spec.policy, spec.origins.every
    thresholds = {
        "ratio_breach": policy.ratio_breach,
        "ratio_near": policy.ratio_near,
        "blatant_ratio": policy.blatant_ratio,
        "breaches": policy.breaches,
        "max_data_age_seconds": policy.max_data_age.total_seconds(),
        "max_evidence_age_seconds": policy.max_evidence_age.total_seconds(),
        "max_prediction_age_seconds": (MISSED * every).total_seconds(),
        "max_monitor_age_seconds": (MISSED * every + GRACE).total_seconds(),
        "max_report_age_seconds": (MISSED * spec.report.every + every).total_seconds(),
        "max_quarantined": policy.max_quarantined,
        "evidently_share": policy.evidently_share,
    }
    if spec.task == "forecast":
        thresholds["coverage_floor"] = max(spec.interval.coverage - policy.coverage_slack, 0.0)
    return thresholds


def _concluded(spec: UseCaseSpec, evidence: Evidence, verdict: Verdict, now: datetime) -> Iterator[Gauge]:
    name = evidence.usecase
    for series in evidence.series:
        bad = trouble_of(series, spec.policy, evidence, now).bad
        yield Gauge(name, "evenkeel_bad_origins", bad, {"series": series.name})
    for action in ACTIONS:
        yield Gauge(name, "evenkeel_verdict", float(action == verdict.action), {"verdict": action})
    yield Gauge(name, "evenkeel_verdict_pages", float("page" in verdict.side_effects))
    if evidence.released_at is not None:
        yield Gauge(name, "evenkeel_release_age_seconds", max((now - evidence.released_at).total_seconds(), 0.0))
