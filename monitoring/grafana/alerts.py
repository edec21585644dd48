"""The catalogue's alerts as rules that Grafana itself evaluates, for places where no Alertmanager stands beside Prometheus."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from grafana_foundation_sdk.builders import alerting, expr, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting as schema

from model_code.metrics import CATALOGUE, Alert, Metric
from model_code.metrics.metric import SCRAPE_SECONDS
from monitoring.grafana.dashboard import DATASOURCE, RUNBOOKS, runbook_numbers
from monitoring.rules.ruleset import MISSING, MISSING_SCRAPES, missing, missing_summary

EVALUATION = "30s"
LOOK_BACK = schema.RelativeTimeRange(600, 0)  # seconds; an instant query needs the end alone
FOLDER = "Evenkeel"


def alert_groups(scrape_seconds: float = SCRAPE_SECONDS, catalogue: Sequence[Metric] = CATALOGUE) -> list[dict[str, Any]]:
    """Groups of rules, one for each owner and one of what must not be missing, in the form of a provisioning file.

    Grafana replaces `$NAME` in such files by variables of its environment, unless it is doubled; but it leaves queries (`model`) and
    annotations alone, where a doubled one would break templates and PromQL. Nothing else here holds a `$`. Two of the alerts ask
    for what Prometheus' recording rules keep.

    Args:
        scrape_seconds: How often is scraped; how long alerts wait follows from it.
        catalogue: Whose alerts.
    """
    pairs = sorted(((metric.owner, metric, alert) for metric in catalogue for alert in metric.alerts), key=lambda each: each[0])
    groups = {
        owner: [_of_catalogue(metric, alert, scrape_seconds) for _, metric, alert in owned]
        for owner, owned in groupby(pairs, key=lambda each: each[0])
    }
    groups["missing"] = [_missing(*labels, expression, scrape_seconds) for labels, expression in missing().items()]
    return [
        {"orgId": 1, "name": f"evenkeel-{name}", "folder": FOLDER, "interval": EVALUATION, "rules": rules}
        for name, rules in groups.items()
    ]


def _of_catalogue(metric: Metric, alert: Alert, scrape_seconds: float) -> dict[str, Any]:
    labels = {"severity": alert.severity, "owner": metric.owner} | ({"verdict": alert.hint} if alert.hint else {})
    identity = {"uid": alert.name, "title": alert.name}
    return identity | _rule(alert.name, alert.expression, alert.wait_at(scrape_seconds), labels, summary(alert.summary))


def _missing(metric: str, name: str, expression: str, scrape_seconds: float) -> dict[str, Any]:
    """That a metric is missing is an alert, not silence."""
    told = f"{metric} {name}".strip()
    own = hashlib.sha256(told.encode()).hexdigest()[:16]
    labels = {"severity": "page", "owner": "platform", "metric": metric}
    wait = f"{round(MISSING_SCRAPES * scrape_seconds)}s"
    identity = {"uid": f"evenkeel-missing-{own}", "title": f"{MISSING}: {told}"}
    return identity | _rule(MISSING, expression, wait, labels, summary(missing_summary(metric, name)))


def _rule(runbook: str, question: str, wait: str, labels: Mapping[str, str], told: str) -> dict[str, Any]:
    """One rule: A is the value to tell, B is 1 for each series that is wrong, C holds where B does.

    What is wrong is told by series that are there, so that no data are fine here.
    """
    return {
        "condition": "C",
        "data": [_asked("A", question), _asked("B", f"({question}) ^ 0"), _condition()],
        "noDataState": "OK",
        "execErrState": "Alerting",
        "for": wait,
        "labels": {**labels, "source": "grafana"},
        "annotations": {"summary": told, "runbook_url": f"/d/{RUNBOOKS}?viewPanel={runbook_numbers()[runbook]}"},
    }


def summary(line: str) -> str:
    """An alert's line for a person, as a template of Grafana's.

    Example:
        >>> summary("{usecase}: {percent}")
        '{{ $labels.usecase }}: {{ humanizePercentage $values.A.Value }}'
    """
    told = {
        "value": '{{ printf "%.3g" $values.A.Value }}',
        "percent": "{{ humanizePercentage $values.A.Value }}",
        "duration": "{{ humanizeDuration $values.A.Value }}",
    }
    return line.format_map(_Labels(told))


class _Labels(dict[str, str]):
    def __missing__(self, label: str) -> str:
        return f"{{{{ $labels.{label} }}}}"


def _asked(letter: str, question: str) -> dict[str, Any]:
    model = prometheus.Dataquery().expr(question).instant().ref_id(letter)
    made = alerting.Query(letter).datasource_uid(DATASOURCE).relative_time_range(LOOK_BACK).model(model)
    return _plain(made.build())


def _condition() -> dict[str, Any]:
    above = expr.ExprTypeThresholdConditionsEvaluator().type("gt").params([0])
    model = expr.TypeThreshold().ref_id("C").expression("B").conditions([expr.ExprTypeThresholdConditions().evaluator(above)])
    return _plain(alerting.Query("C").datasource_uid("__expr__").relative_time_range(LOOK_BACK).model(model).build())


def _plain(made: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
    return found
