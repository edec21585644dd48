"""Answering a question: features as of the origin, the bundle's prediction, the store, and only then the answer."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from model_code.bundle import Predicted
from model_code.cases import build_features
from model_code.data.known import Known
from model_code.errors import EvenkeelError, InvalidRequest, TooLittleData
from model_code.installation import Installation
from model_code.origins import check_origin, entities_at, latest_origin, target_rows
from model_code.predictions import Prediction, prediction_id
from model_code.usecase import UseCaseSpec
from services.forecaster.messages import ForecastAnswer, ForecastRequest, ForecastValue
from services.forecaster.observations import Observations
from services.forecaster.problems import WrongField
from services.forecaster.telemetry import telemetry
from services.forecaster.watcher import Serving

EARLIEST_YEAR = 1970


class Forecasts:
    """Forecasts of one use case, every one of them kept.

    Args:
        place: The use case's installation.
        clock: The wall clock.
    """

    def __init__(self, place: Installation, clock: Callable[[], datetime]) -> None:
        self._usecase = place.usecase.name
        self._present = place.present
        self._predictions = place.predictions
        self._observations = Observations(place.store)
        self._clock = clock

    def answer(self, request: ForecastRequest, request_id: str, serving: Serving) -> ForecastAnswer:
        """The stored answer of a known request id, or a new one, which is stored before it is returned.

        Raises:
            WrongField: A field of the request cannot be answered.
            TooLittleData: The observations are missing or too old.
            StoreError: Observations cannot be read, or the predictions not written.
        """
        spec = serving.bundle.spec
        stored = self._predictions.by_request(request_id, self._usecase) if request.request_id is not None else []
        if not stored:
            made = self._predict(request, request_id, serving)
            if self._predictions.add(made) == len(made):
                telemetry().predictions.labels(self._usecase).inc(len(made))
                return _answer(request, made, spec)
            stored = self._predictions.by_request(request_id, self._usecase)  # another one was faster
        _check_same_question(request, stored, spec)
        return _answer(request, stored, spec)

    def _predict(self, request: ForecastRequest, request_id: str, serving: Serving) -> list[Prediction]:
        bundle, spec = serving.bundle, serving.bundle.spec
        origin = _origin(spec, request.origin, self._present(None))
        known = self._observations.known(spec, origin)
        entities = _entities(spec, known, origin, request.entity)
        stale = _without_rows(spec, known, origin, entities)
        if stale:
            raise _too_old(spec, origin, stale, latest_origin(spec, self._present(None)))
        rows = target_rows(spec, origin, entities)
        features = build_features(bundle.usecase, known, origin, rows)
        return _predictions(
            request, request_id, serving, origin, rows, features, bundle.predict(features, rows["step"].to_numpy()), self._clock()
        )


def _origin(spec: UseCaseSpec, wanted: datetime | None, present: pd.Timestamp) -> pd.Timestamp:
    """The origin asked for, or the latest one that is due, in UTC."""
    if wanted is None:
        return latest_origin(spec, present)
    if wanted > present:
        raise WrongField(
            f"origin {wanted.isoformat()} is in the future", field="origin", hint=f"the present is {present.isoformat()}"
        )
    if wanted.year < EARLIEST_YEAR:
        raise WrongField(f"origin {wanted.isoformat()} is before {EARLIEST_YEAR}", field="origin", hint="nothing is known then")
    try:
        return check_origin(spec, wanted)
    except InvalidRequest as error:
        raise WrongField(error.message, field="origin", hint=error.hint) from error


def _entities(spec: UseCaseSpec, known: Known, origin: pd.Timestamp, wanted: str | None) -> list[str]:
    """The entities to answer for."""
    entities = entities_at(spec, known, origin)
    if wanted is None:
        if not entities:
            raise TooLittleData(
                f"{spec.name}: no entity has a row in the feed {spec.entity_feed} at {origin.isoformat()}",
                hint="refresh the feed: `make refresh`",
            )
        return entities
    if wanted not in entities:
        some = ", ".join(entities[:10]) or "none"
        raise WrongField(f"no entity {wanted!r} at {origin.isoformat()}", field="entity", hint=f"there are: {some}")
    return [wanted]


def _without_rows(spec: UseCaseSpec, known: Known, origin: pd.Timestamp, entities: Iterable[str]) -> list[str]:
    """The entities without any row in the lookback, which is all of the past that `known` holds."""
    frame = known[spec.entity_feed or spec.target.feed]
    fresh = set(frame.loc[frame["time"] <= origin, "entity"])
    return [entity for entity in entities if entity not in fresh]


def _too_old(spec: UseCaseSpec, origin: pd.Timestamp, stale: list[str], latest: pd.Timestamp) -> EvenkeelError:
    """Nothing is forecast from nothing: for the latest origin a refresh may help, an earlier one is a wrong question."""
    told = (
        f"at {origin.isoformat()} no row of {', '.join(stale[:10])} in the feed {spec.entity_feed or spec.target.feed} "
        f"is within the lookback of {spec.lookback / timedelta(days=1):g} days"
    )
    if origin == latest:
        return TooLittleData(told, hint="refresh the feed: `make refresh`")
    return WrongField(told, field="origin", hint="ask for an origin that the data cover, or backfill")


def _predictions(
    request: ForecastRequest,
    request_id: str,
    serving: Serving,
    origin: pd.Timestamp,
    rows: pd.DataFrame,
    features: pd.DataFrame,
    predicted: Predicted,
    made_at: datetime,
) -> list[Prediction]:
    """One record for each row, as it is stored."""
    matrix = features.to_numpy(np.float64)
    numbers = zip(predicted.value.tolist(), predicted.lower.tolist(), predicted.upper.tolist(), strict=True)
    return [
        Prediction(
            prediction_id=prediction_id(request_id, entity, time),
            request_id=request_id,
            usecase=serving.bundle.spec.name,
            entity=entity,
            origin=origin,
            time=time,
            lead_seconds=round((time - origin).total_seconds()),
            value=value,
            lower=_number(lower),
            upper=_number(upper),
            version=serving.version,
            bundle=serving.bundle.hash,
            asked_by=request.asked_by,
            made_at=made_at,
            features_hash=hashlib.sha256(matrix[i].tobytes()).hexdigest(),
        )
        for i, (entity, time, (value, lower, upper)) in enumerate(zip(rows["entity"], rows["time"], numbers, strict=True))
    ]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _check_same_question(request: ForecastRequest, stored: list[Prediction], spec: UseCaseSpec) -> None:
    """A request id stands for one question; another one under the same id is a mistake of the caller."""
    entities = {item.entity for item in stored}
    wanted = {request.entity} if request.entity is not None else set(spec.entities or entities)
    if entities != wanted or (request.origin is not None and request.origin != stored[0].origin):
        raise WrongField(
            f"request_id {stored[0].request_id!r} was used for another question", field="request_id", hint="use a new one"
        )


def _answer(request: ForecastRequest, given: list[Prediction], spec: UseCaseSpec) -> ForecastAnswer:
    first = given[0]
    return ForecastAnswer(
        usecase=first.usecase,
        version=first.version,
        bundle=first.bundle,
        entity=request.entity,
        origin=first.origin,
        unit=spec.target.unit,
        request_id=first.request_id,
        values=tuple(
            ForecastValue(
                entity=item.entity,
                time=item.time,
                lead_seconds=item.lead_seconds,
                value=item.value,
                lower=item.lower,
                upper=item.upper,
            )
            for item in sorted(given, key=lambda item: (item.entity, item.time))
        ),
    )
