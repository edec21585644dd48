"""The catalogue's alerts as rules that Grafana itself evaluates, for places where no Alertmanager stands beside Prometheus."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from grafana_foundation_sdk.builders import alerting, expr, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting as schema

from model_code.metrics import CATALOGUE, Alert, Metric
from monitoring.grafana.dashboard import DATASOURCE, RUNBOOKS, runbook_numbers

EVALUATION = "30s"
LOOK_BACK = schema.RelativeTimeRange(600, 0)  # seconds; an instant query needs the end alone
LONGEST_UID = 40  # characters
FOLDER = "Evenkeel"


def alert_groups(catalogue: Sequence[Metric] = CATALOGUE) -> list[dict[str, Any]]:
    """Groups of rules, one for each owner, in the form of a provisioning file, with every `$` doubled.

    Grafana replaces `$NAME` in such files by variables of its environment.
    """
    pairs = sorted(((metric.owner, metric, alert) for metric in catalogue for alert in metric.alerts), key=lambda each: each[0])
    return [
        {
            "orgId": 1,
            "name": f"evenkeel-{owner}",
            "folder": FOLDER,
            "interval": EVALUATION,
            "rules": [_doubled(_rule(metric, alert)) for _, metric, alert in owned],
        }
        for owner, owned in groupby(pairs, key=lambda each: each[0])
    ]


def _rule(metric: Metric, alert: Alert) -> dict[str, Any]:
    """One rule: A is the value to tell, B is 1 for each series that is wrong, C holds where B does.

    What is wrong is told by series that are there; that a metric is missing is an alert of its own.
    """
    labels = {"severity": alert.severity, "owner": metric.owner, "source": "grafana"}
    return {
        "uid": alert.name[:LONGEST_UID],
        "title": alert.name,
        "condition": "C",
        "data": [_asked("A", alert.expression), _asked("B", f"({alert.expression}) ^ 0"), _condition()],
        "noDataState": "OK",
        "execErrState": "Alerting",
        "for": alert.wait,
        "labels": labels | ({"verdict": alert.hint} if alert.hint else {}),
        "annotations": {
            "summary": summary(alert),
            "runbook_url": f"/d/{RUNBOOKS}?viewPanel={runbook_numbers()[alert.name]}",
        },
    }


def summary(alert: Alert) -> str:
    """The alert's line for a person, as a template of Grafana's.

    Example:
        >>> summary(Alert("A", "warn", "up == 0", "{usecase}: {percent}"))
        '{{ $labels.usecase }}: {{ humanizePercentage $values.A.Value }}'
    """
    told = {
        "value": '{{ printf "%.3g" $values.A.Value }}',
        "percent": "{{ humanizePercentage $values.A.Value }}",
        "duration": "{{ humanizeDuration $values.A.Value }}",
    }
    return alert.summary.format_map(_Labels(told))


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


def _doubled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _doubled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_doubled(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
