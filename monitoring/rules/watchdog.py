"""The dead man's switch: an alert that always fires, so that its silence tells what no alert can: nobody watches any more."""

from typing import Any

from monitoring.rules.wording import template

WATCHDOG = "EvenkeelWatchdog"
SUMMARY = "all is well with Prometheus and Alertmanager as long as this keeps coming; its silence is the alarm"
REPEATED_SCRAPES = 4  # it is posted again every so many scrapes: a minute at the usual pace


def watchdog_rule(runbooks: str) -> dict[str, Any]:
    """The alerting rule; it needs no series, and fires from the first evaluation on.

    Args:
        runbooks: Address in front of the runbooks' paths.
    """
    return {
        "alert": WATCHDOG,
        "expr": "vector(1)",
        "labels": {"severity": "none", "owner": "platform"},
        "annotations": {"summary": template(SUMMARY), "runbook_url": f"{runbooks}monitoring/runbooks/{WATCHDOG}.md"},
    }


def watchdog_route(scrape_seconds: float, receiver: str) -> dict[str, Any]:
    """Alertmanager's route of it: to a receiver of its own, again and again, and never to the bridge.

    Args:
        scrape_seconds: How often is scraped; how often it is posted follows from it.
        receiver: Who gets it.
    """
    pace = f"{max(1, round(REPEATED_SCRAPES * scrape_seconds))}s"
    return {
        "receiver": receiver,
        "matchers": [f'alertname="{WATCHDOG}"'],
        "group_wait": "0s",
        "group_interval": pace,
        "repeat_interval": pace,
    }
