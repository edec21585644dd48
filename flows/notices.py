"""Telling people, at the end of a run or where it waits for them; whatever goes wrong with that, the run goes on."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
from prefect.runtime import flow_run

from model_code.errors import EvenkeelError
from model_code.installation import Installation
from monitoring.annotations import annotate
from monitoring.notify.message import Message
from monitoring.notify.notifier import Notifier
from monitoring.notify.targets import targets

LOG = logging.getLogger("prefect.flow_runs.notices")


def tell(place: Installation) -> int:
    """Mark in Grafana and send what is due about the use case; how many messages were taken. Never raises for what fails in it."""
    annotate(place.settings, place.sql, place.usecase.name)
    return _sent(
        place,
        lambda notifier: notifier.tell(place.usecase.name, datetime.now(UTC), links(place)),
        "nobody was told, the next run tries again",
    )


def say(place: Installation, message: Message, key: str) -> int:
    """Send one message, once for the same key; how many took it. Never raises for what fails in it."""
    return _sent(
        place, lambda notifier: notifier.say(place.usecase.name, key, message, datetime.now(UTC)), f"not told: {message.title}"
    )


def _sent(place: Installation, send: Callable[[Notifier], int], failed: str) -> int:
    try:
        told = targets(place.settings)
        return send(Notifier(place.sql, told)) if told else 0
    except (EvenkeelError, sa.exc.SQLAlchemyError) as error:
        LOG.warning("%s: %s", failed, error)
        return 0


def links(place: Installation) -> dict[str, str]:
    """Where to read on: this run, the dashboard of incidents, the reports; those that there are."""
    settings, usecase = place.settings, place.usecase.name
    found = {"Run": flow_run.ui_url or ""}
    if settings.grafana_url:
        found["Dashboard"] = f"{settings.grafana_url.rstrip('/')}/d/evenkeel-incidents?var-usecase={usecase}"
    if (settings.home / "reports" / usecase).is_dir():
        found["Reports"] = f"http://{settings.host}:{settings.reports_port}/{usecase}/index.html"
    return {name: url for name, url in found.items() if url}
