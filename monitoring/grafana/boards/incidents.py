"""Incidents: what was wrong, what was done about it, and whether it helped."""

from monitoring.grafana.panel import Board, Panel, Query, Row, Word
from monitoring.grafana.queries import chosen, gauge, limit

SEVERITIES = {"info": Word(1, "info", "blue"), "warn": Word(2, "warn", "orange"), "page": Word(3, "page", "red")}
OURS = 'alertname=~"Evenkeel.+",alertstate="firing",usecase=~"$usecase|"'  # those of no use case too
FIRING = " or ".join(f'{word.value} * ALERTS{{{OURS},severity="{severity}"}}' for severity, word in SEVERITIES.items())
ACTING = 'verdict!="hold"'
STORY = Row(
    "What happened",
    (
        Panel(
            "Verdicts",
            "What the policy said, run by run.",
            (
                Query(chosen("evenkeel_verdict", 'verdict="hold"'), "{{verdict}}"),
                Query(f"2 * {chosen('evenkeel_verdict', ACTING)}", "{{verdict}}"),
            ),
            kind="states",
            words=(Word(0, " ", "text"), Word(1, "hold", "green"), Word(2, "act", "orange")),
        ),
        Panel(
            "Champion",
            "Which version answered.",
            (gauge("evenkeel_champion_info", "version {{version}}"),),
            kind="states",
            words=(Word(1, "champion", "blue"),),
        ),
        Panel(
            "Alerts",
            "What Prometheus raised, by severity; each has a runbook.",
            (Query(f"max by (alertname) ({FIRING})", "{{alertname}}"),),
            kind="states",
            width=24,
            height=12,
            words=tuple(SEVERITIES.values()),
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
            width=10,
            bounds=(0, None),
        ),
        Panel(
            "Actions so far",
            "Steps up when something was done; releases and actions stand as marks on every panel.",
            (Query(chosen("evenkeel_actions_total", 'action!~"verdict|outcome"'), "{{action}}"),),
            width=6,
            bounds=(0, None),
        ),
        Panel("Releases, actions and incidents", "As the ledger tells them, the newest first.", kind="marks", width=8),
    ),
)
INCIDENTS = Board(
    "evenkeel-incidents",
    "Evenkeel: incidents",
    "What was wrong, what was done about it, and whether it helped?",
    (STORY, EFFECT),
)
