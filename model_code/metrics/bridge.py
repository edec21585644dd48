"""Whether alerts reach those who act on them: the bridge's own `/metrics`."""

from functools import partial

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import BRIDGE_JOB, down

JOB = ("job",)
_told = partial(Metric, labels=(), source="bridge", owner="platform")
METRICS = (
    _told(
        "evenkeel_bridge_alerts_total",
        "alerts",
        "Alerts that Alertmanager sent to the bridge: new incidents, known ones, ended ones, refused ones.",
        labels=("received",),
        kind="counter",
        alerts=(
            Alert(
                "EvenkeelAlertRefused",
                "warn",
                'sum by (job) (increase(evenkeel_bridge_alerts_total{received="refused"}[10m])) > 0',
                "the bridge refuses alerts that it cannot read",
                labels=JOB,
            ),
        ),
    ),
    _told("evenkeel_bridge_waiting_incidents", "incidents", "Incidents that no flow has looked at yet."),
    _told(
        "evenkeel_bridge_oldest_waiting_seconds",
        "seconds",
        "How long the oldest of them has waited; 0 without any.",
        alerts=(
            Alert(
                "EvenkeelBridgeWaiting",
                "page",
                "max by (job) (evenkeel_bridge_oldest_waiting_seconds) > 120",
                "an alert has waited for {duration} to reach Prefect: nothing acts on it",
                labels=JOB,
            ),
        ),
    ),
    _told(
        "evenkeel_bridge_undelivered_page_seconds",
        "seconds",
        "How long a message to a person has been refused, targets could not be read, or rounds have failed; 0 where all goes well.",
        alerts=(
            Alert(
                "EvenkeelPageUndelivered",
                "page",
                "max by (job) (evenkeel_bridge_undelivered_page_seconds) > 120",
                "a message to a person has not been taken for {duration}",
                labels=JOB,
            ),
        ),
    ),
    _told(
        "evenkeel_bridge_prefect_up",
        "1",
        "1 if Prefect took the last event that the bridge had for it, else 0.",
        alerts=(
            Alert(
                "EvenkeelBridgeDown",
                "page",
                down(BRIDGE_JOB),
                "the bridge does not answer: alerts reach nobody who acts",
                scrapes=4,
                labels=JOB,
            ),
        ),
    ),
)
