"""Whether alerts reach those who act on them: the bridge's own `/metrics`."""

from functools import partial

from model_code.metrics.metric import Metric

_told = partial(Metric, labels=(), source="bridge", owner="platform")

METRICS = (
    _told(
        "evenkeel_bridge_alerts_total",
        "alerts",
        "Alerts that Alertmanager sent to the bridge: new incidents, known ones, ended ones, refused ones.",
        labels=("received",),
        kind="counter",
    ),
    _told("evenkeel_bridge_waiting_incidents", "incidents", "Incidents that no flow has looked at yet."),
    _told("evenkeel_bridge_oldest_waiting_seconds", "seconds", "How long the oldest of them has waited; 0 without any."),
    _told("evenkeel_bridge_prefect_up", "1", "1 if Prefect took the last event that the bridge had for it, else 0."),
)
