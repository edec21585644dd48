"""What a page says: which alerts of one name and use case began to fire, or are over, and the runbook. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from monitoring.alert_bridge.incidents import Incident
from monitoring.alert_bridge.pages import Kind
from monitoring.notify.message import Message
from monitoring.notify.words import cut, moment, span_of

MOST_TOLD = 8


def page_message(kind: Kind, incidents: Sequence[Incident]) -> Message:
    """One message about incidents of one alert and one use case.

    Args:
        kind: Whether they began, or ended.
        incidents: One or more.
    """
    first, more = incidents[0], len(incidents) - MOST_TOLD
    number = f" ({len(incidents)} times)" if len(incidents) > 1 else ""
    title = f"Evenkeel {first.usecase or 'platform'}: {first.alertname} {'fires' if kind == 'opened' else 'is over'}{number}"
    lines = [_line(kind, each) for each in incidents[:MOST_TOLD]] + ([f"- and {more} more"] if more > 0 else [])
    runbook = first.annotations.get("runbook_url")
    return Message(kind, title, "\n".join([*lines, *(["", f"Runbook: {cut(runbook)}"] if runbook else [])]))


def _line(kind: Kind, incident: Incident) -> str:
    told = f"- {cut(incident.annotations.get('summary') or incident.alertname)}; since {moment(incident.starts_at)} UTC"
    if kind == "opened" or incident.ended_at is None:
        return told
    return f"{told}, for {span_of(max(timedelta(0), incident.ended_at - incident.starts_at))}"
