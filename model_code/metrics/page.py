"""The catalogue as the page docs/metrics.md."""

from collections.abc import Sequence

from model_code.metrics.catalogue import CATALOGUE
from model_code.metrics.labels import LABELS
from model_code.metrics.metric import Metric

HEAD = """# Metrics

Made by `python -m model_code.metrics > docs/metrics.md` from `model_code/metrics/`; change them there.
The exporter (`python -m monitoring.exporter`) serves those that flows, ledger and exporter know; a model service serves its own
(written by `service`), as does the bridge from Alertmanager to Prefect, all on `/metrics`. How to add one: docs/add-a-metric.md.

| metric | kind | unit | labels | written by | looked after by | meaning |
|---|---|---|---|---|---|---|"""


def as_markdown(metrics: Sequence[Metric] = CATALOGUE) -> str:
    """The catalogue as Markdown: metrics, their alerts, their labels."""
    return "\n".join([HEAD, *map(_metric, metrics), "", *_alerts(metrics), "", *_labels(metrics), ""])


def _metric(m: Metric) -> str:
    labels = ", ".join(m.labels) or "–"
    return f"| `{m.name}` | {m.kind} | {m.unit} | {labels} | {m.source} | {m.owner} | {m.help.replace('|', '/')} |"


def _alerts(metrics: Sequence[Metric]) -> list[str]:
    head = [
        "## Alerts",
        "",
        "`page`: a person, now. `warn`: within the working day. `info`: to be read. Each has a runbook; rules and their tests are made",
        "by `python -m monitoring.rules`.",
        "",
        "| alert | severity | after | on | runbook |",
        "|---|---|---|---|---|",
    ]
    rows = [
        f"| `{alert.name}` | {alert.severity} | {alert.wait} | `{metric.name}` | [runbook](../{alert.runbook}) |"
        for metric in metrics
        for alert in metric.alerts
    ]
    return [*head, *rows]


def _labels(metrics: Sequence[Metric]) -> list[str]:
    used = {label for metric in metrics for label in metric.labels}
    head = ["## Labels", "", "| label | values | at most, for each use case |", "|---|---|---|"]
    rows = [
        f"| `{name}` | {label.meaning}{': ' + ', '.join(label.values) if label.values else ''} | {label.most} |"
        for name, label in LABELS.items()
        if name in used
    ]
    return [*head, *rows]
