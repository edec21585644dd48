"""Telling people at the end of a run; whatever goes wrong with that, the run itself has done its work."""

import logging
from datetime import UTC, datetime

import sqlalchemy as sa
from prefect.runtime import flow_run

from model_code.errors import EvenkeelError
from model_code.installation import Installation
from monitoring.annotations import annotate
from monitoring.notify.notifier import Notifier
from monitoring.notify.targets import targets

LOG = logging.getLogger("prefect.flow_runs.notices")


def tell(place: Installation) -> int:
    """Mark in Grafana and send what is due about the use case; how many messages were taken. Never raises for what fails in it."""
    annotate(place.settings, place.sql, place.usecase.name)
    try:
        told = targets(place.settings)
        return Notifier(place.sql, told).tell(place.usecase.name, datetime.now(UTC), links(place)) if told else 0
    except (EvenkeelError, sa.exc.SQLAlchemyError) as error:
        LOG.warning("nobody was told, the next run tries again: %s", error)
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
