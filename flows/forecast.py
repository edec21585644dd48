"""Forecast: ask the service over HTTP for every origin that is due and not yet answered."""

import logging
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import ForecastParams
from flows.told import TOLD
from model_code import logs
from model_code.errors import EvenkeelError, NotReady
from model_code.installation import Installation
from model_code.origins import latest_origin, origins_between
from services.client import ForecastClient

LOG = logging.getLogger("evenkeel.forecast")
SCHEDULED = "forecast/"
CATCH_UP = pd.Timedelta(days=14)  # a schedule that stood still for longer asks with `since`


@flow(name="forecast", persist_result=True, result_serializer="json", **TOLD)
def forecast(params: ForecastParams) -> dict[str, Any]:
    """Ask for each due origin once; a request id made of the origin keeps a second run from doubling it."""
    place = Installation.open(params.usecase)
    due = due_origins(place, params)
    answered = []
    with ForecastClient(place.settings.service(params.usecase), key=place.settings.service_key) as client:
        for origin in due:
            asked = request_id(params.usecase, origin)
            with logs.bound(request_id=asked):
                try:
                    answer = client.forecast(origin=origin.to_pydatetime(), request_id=asked)
                except EvenkeelError:
                    LOG.warning("origin %s was not answered", origin.isoformat())  # the service's own lines tell the same id
                    raise
            answered.append({"origin": origin.isoformat(), "version": answer.version, "values": len(answer.values)})
    get_run_logger().info("%d origins answered", len(answered))
    if answered:
        artifacts.table(params.usecase, "forecast", answered, "Origins asked for")
    return {"origins": len(answered), "failed": 0}


def request_id(usecase: str, origin: pd.Timestamp) -> str:
    """The id of the scheduled request for one origin."""
    return f"{SCHEDULED}{usecase}/{origin.isoformat()}"


def due_origins(place: Installation, params: ForecastParams) -> list[pd.Timestamp]:
    """Origins up to now without a scheduled answer: from `since`, else since there is a model, two weeks back at most."""
    spec, now = place.usecase.spec, place.present(params.now)
    just_after = now + pd.Timedelta(microseconds=1)
    start = pd.Timestamp(params.since) if params.since is not None else max(first_release(place), now - CATCH_UP)
    kept = place.predictions.between(place.usecase.name, start, just_after)
    answered = set(kept[kept["request_id"].str.startswith(SCHEDULED)]["origin"])
    due = origins_between(spec, start, just_after) or [latest_origin(spec, now)]
    return [origin for origin in due if origin not in answered]


def first_release(place: Installation) -> pd.Timestamp:
    """When the use case first had a champion.

    Raises:
        NotReady: It never had one.
    """
    moved = [entry.at for entry in place.ledger.entries(place.usecase.name) if entry.phase == "done"]
    if not moved:
        raise NotReady(f"{place.usecase.name} has no champion to ask", hint="run search, train, promote and deploy first")
    return pd.Timestamp(min(moved)).tz_convert("UTC")
