"""The catalogue as Prometheus' rules: what is computed beforehand, and what alerts."""

from collections.abc import Iterator
from typing import Any

from model_code.metrics import CATALOGUE, Alert, Metric
from model_code.metrics.metric import SCRAPE_SECONDS
from model_code.metrics.promql import CHAMPION, without
from model_code.metrics.service import ERROR_SHARE, LATENCY_P99
from model_code.metrics.thresholds import THRESHOLDS
from monitoring.rules.watchdog import WATCHDOG, watchdog_rule
from monitoring.rules.wording import template

RECORDED = {
    ERROR_SHARE: 'sum by (usecase) (rate(evenkeel_service_requests_total{status=~"5.."}[5m])) '
    "/ sum by (usecase) (rate(evenkeel_service_requests_total[5m]))",
    LATENCY_P99: "histogram_quantile(0.99, sum by (usecase, route, le) (rate(evenkeel_service_latency_seconds_bucket[5m])))",
}
MISSING = "EvenkeelMetricMissing"
MISSING_SCRAPES = 4
OPTIONAL = frozenset({"coverage_floor"})  # a classification has none
Rule = dict[str, Any]


def ruleset(scrape_seconds: float = SCRAPE_SECONDS, runbooks: str = "") -> dict[str, Any]:
    """The content of a rule file: one group of what is recorded, one of alerts for each owner, one each of what is missing and of the watchdog.

    Args:
        scrape_seconds: How often is scraped; how long alerts wait follows from it.
        runbooks: Address in front of the runbooks' paths; "" leaves paths within the repository.
    """
    groups = [{"name": "evenkeel-recorded", "rules": [{"record": name, "expr": expr} for name, expr in RECORDED.items()]}]
    for owner in ("model", "data", "platform"):
        rules = [alert_rule(alert, metric, scrape_seconds, runbooks) for metric, alert in alerts() if metric.owner == owner]
        groups.append({"name": f"evenkeel-{owner}", "rules": rules})
    groups.append({"name": "evenkeel-missing", "rules": [*missing_rules(scrape_seconds, runbooks)]})
    groups.append({"name": "evenkeel-watchdog", "rules": [watchdog_rule(runbooks)]})
    return {"groups": groups}


def alerts() -> Iterator[tuple[Metric, Alert]]:
    """Every alert of the catalogue with its metric."""
    yield from ((metric, alert) for metric in CATALOGUE for alert in metric.alerts)


def alert_rule(alert: Alert, metric: Metric, scrape_seconds: float, runbooks: str) -> Rule:
    """One alerting rule."""
    labels = {"severity": alert.severity, "owner": metric.owner} | ({"verdict": alert.hint} if alert.hint else {})
    return {
        "alert": alert.name,
        "expr": alert.expression,
        **({"for": alert.wait_at(scrape_seconds)} if alert.scrapes else {}),
        "labels": labels,
        "annotations": {"summary": template(alert.summary), "runbook_url": runbooks + alert.runbook},
    }


def missing_rules(scrape_seconds: float, runbooks: str) -> Iterator[Rule]:
    """One rule for each series that must be there beside another: absence is an alert, not silence."""
    for labels, expression in missing().items():
        static = {name: value for name, value in zip(("metric", "name"), labels, strict=True) if value}
        yield {
            "alert": MISSING,
            "expr": expression,
            "for": f"{round(MISSING_SCRAPES * scrape_seconds)}s",
            "labels": {"severity": "page", "owner": "platform", **static},
            "annotations": {
                "summary": template(missing_summary(*labels)),
                "runbook_url": f"{runbooks}monitoring/runbooks/{MISSING}.md",
            },
        }


def missing_summary(metric: str, name: str) -> str:
    """What is said of a missing metric; a template does not see its own rule's labels."""
    return f"{{usecase}}: {metric}{f' {name}' if name else ''} is missing, so that nobody would see it go wrong"


def missing() -> dict[tuple[str, str], str]:
    """(metric, name of a threshold or "") -> PromQL that holds where it is missing."""
    found = {(metric.name, ""): without(metric.expected, metric.name) for metric in CATALOGUE if metric.expected}
    for name in sorted(THRESHOLDS.keys() - OPTIONAL):
        found["evenkeel_threshold", name] = without(CHAMPION, f'evenkeel_threshold{{name="{name}"}}')
    return found


def runbook_names() -> list[str]:
    """Every alert that needs a page in monitoring/runbooks."""
    return [*(alert.name for _, alert in alerts()), MISSING, WATCHDOG]
