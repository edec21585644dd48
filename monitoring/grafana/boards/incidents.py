"""Incidents: what was wrong, what was done about it, and whether it helped."""

from monitoring.grafana.panel import Board, Panel, Query, Row, Word
from monitoring.grafana.queries import gauge, limit

FIRING = 'max by (alertname, severity) (ALERTS{alertname=~"Evenkeel.+",alertstate="firing",usecase=~"$usecase|"})'
STORY = Row(
    "What happened",
    (
        Panel(
            "Verdicts",
            "What the policy said, run by run.",
            (gauge("evenkeel_verdict", "{{verdict}}"),),
            kind="states",
            words=(Word(0, " ", "text"), Word(1, "said", "orange")),
        ),
        Panel(
            "Alerts",
            "What Prometheus raised; each has a runbook.",
            (Query(FIRING, "{{alertname}} ({{severity}})"),),
            kind="states",
            words=(Word(1, "firing", "red"),),
        ),
        Panel(
            "Champion",
            "Which version answered.",
            (gauge("evenkeel_champion_info", "version {{version}}"),),
            kind="states",
            words=(Word(1, "champion", "blue"),),
        ),
        Panel(
            "Actions so far",
            "Steps up when something was done; releases and actions stand as marks on every panel.",
            (gauge("evenkeel_actions_total", "{{action}}"),),
            bounds=(0, None),
        ),
    ),
)
EFFECT = Row(
    "Whether it helped",
    (
        Panel(
            "Live loss over expected loss",
            "Should fall back to 1 after an action.",
            (gauge("evenkeel_loss_ratio"), limit("ratio_breach", "bad above")),
            width=14,
            bounds=(0, None),
        ),
        Panel("Releases, actions and incidents", "As the ledger tells them, the newest first.", kind="marks", width=10),
    ),
)
INCIDENTS = Board(
    "evenkeel-incidents",
    "Evenkeel: incidents",
    "What was wrong, what was done about it, and whether it helped?",
    (STORY, EFFECT),
)
