"""What a forecast is asked for, with the features to answer it: computed from the store, or given."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from model_code.bundle import Bundle
from model_code.cases import build_features
from model_code.data.known import Known
from model_code.errors import EvenkeelError, InvalidRequest, TooLittleData, WrongValue
from model_code.models.base import as_matrix
from model_code.origins import check_origin, entities_at, latest_origin, target_rows
from model_code.usecase import UseCaseSpec
from services.forecaster.messages import ForecastRequest, GivenFeatures
from services.forecaster.observations import Observations
from services.forecaster.problems import WrongField

EARLIEST_YEAR = 1970
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Asked:
    """Rows to answer, by entity and time.

    Attributes:
        origin: When the forecast is made, microseconds since the epoch.
        entity: (n,) what each row is about.
        lead: (n,) lead times in steps, the first is 0.
        matrix: (n, k) float64 in the order of the bundle's columns, NaN is not known.
    """

    origin: int
    entity: list[str]
    lead: np.ndarray
    matrix: np.ndarray


def read(request: ForecastRequest, bundle: Bundle, observations: Observations, present: pd.Timestamp) -> Asked:
    """The rows asked for, with their features as of the origin.

    Raises:
        WrongField: A field of the request cannot be answered.
        TooLittleData: The observations are missing or too old.
        StoreError: They cannot be read.
    """
    spec = bundle.spec
    steps, origin = _steps(spec, request.horizon), _origin(spec, request.origin, present)
    known = observations.known(spec, origin)
    entities = _entities(spec, known, origin, request.entity)
    fresh = set(known.entities(spec.entity_feed or spec.target.feed, until=origin))
    stale = [entity for entity in entities if entity not in fresh]  # `known` holds no more than the lookback
    if stale:
        raise _too_old(spec, origin, stale, latest_origin(spec, present))
    rows = target_rows(spec, origin, sorted(entities), steps)
    features = build_features(bundle.usecase, known, origin, rows)
    matrix = np.ascontiguousarray(as_matrix(features, bundle.manifest.feature_columns))
    return Asked((origin - EPOCH) // MICROSECOND, rows["entity"].tolist(), rows["step"].to_numpy(), matrix)


def given(request: ForecastRequest, bundle: Bundle, present: pd.Timestamp) -> Asked:
    """The rows that the caller gave features for; no table is read.

    Raises:
        WrongField: A field of the request cannot be answered.
    """
    spec, told = bundle.spec, request.features or ()
    steps, origin = _steps(spec, request.horizon), _origin(spec, request.origin, present)
    places: dict[tuple[str, int], int] = {}
    for number, row in enumerate(told):
        key = _entity(spec, request, row, number), _lead(row, number, steps)
        if places.setdefault(key, number) != number:
            raise _wrong(number, "lead", f"entity {key[0]!r} and lead {key[1]} were given before", "give each pair once")
    matrix = np.array([_values(row, number, bundle.manifest.feature_columns) for number, row in enumerate(told)], np.float64)
    _check_ranges(bundle, matrix)
    ordered = sorted(places)
    lead = np.array([step for _, step in ordered])
    return Asked(
        (origin - EPOCH) // MICROSECOND, [entity for entity, _ in ordered], lead, matrix[[places[key] for key in ordered]]
    )


def _steps(spec: UseCaseSpec, wanted: int | None) -> int:
    if wanted is not None and wanted > spec.horizon.steps:
        raise WrongField(f"a horizon of {wanted} steps", field="horizon", hint=f"{spec.name} has {spec.horizon.steps}")
    return spec.horizon.steps if wanted is None else wanted


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
        raise WrongField(f"no entity {wanted!r} at {origin.isoformat()}", field="entity", hint=_there_are(entities))
    return [wanted]


def _too_old(spec: UseCaseSpec, origin: pd.Timestamp, stale: list[str], latest: pd.Timestamp) -> EvenkeelError:
    """Nothing is forecast from nothing: for the latest origin a refresh may help, an earlier one is a wrong question."""
    told = (
        f"at {origin.isoformat()} no row of {', '.join(stale[:10])} in the feed {spec.entity_feed or spec.target.feed} "
        f"is within the lookback of {spec.lookback / timedelta(days=1):g} days"
    )
    if origin == latest:
        return TooLittleData(told, hint="refresh the feed: `make refresh`")
    return WrongField(told, field="origin", hint="ask for an origin that the data cover, or backfill")


def _entity(spec: UseCaseSpec, request: ForecastRequest, row: GivenFeatures, number: int) -> str:
    """What a given row is about: as told, as the whole request is, or the only one there is."""
    only = spec.entities[0] if spec.entities is not None and len(spec.entities) == 1 else None
    entity = row.entity or request.entity or only
    if entity is None:
        raise _wrong(number, "entity", "tells no entity", _there_are(spec.entities or ()))
    if request.entity is not None and entity != request.entity:
        raise _wrong(number, "entity", f"is about {entity!r}, the request about {request.entity!r}", "ask for one or for all")
    if spec.entities is not None and entity not in spec.entities:
        raise _wrong(number, "entity", f"no entity {entity!r}", _there_are(spec.entities))
    return entity


def _lead(row: GivenFeatures, number: int, steps: int) -> int:
    if row.lead >= steps:
        raise _wrong(number, "lead", f"has lead {row.lead}", f"steps are 0 to {steps - 1}")
    return row.lead


def _values(row: GivenFeatures, number: int, columns: Iterable[str]) -> list[float]:
    """The values of a given row in the order of the model's columns."""
    wanted = dict.fromkeys(columns)
    for name in row.values.keys() ^ wanted.keys():
        known = name in wanted
        raise _wrong(
            number,
            f"values.{name[:60]}",
            f"{'lacks' if known else 'has the unknown'} feature {name[:60]}",
            "null where it is not known" if known else f"the model takes {', '.join(wanted)}",
        )
    return [math.nan if (value := row.values[name]) is None else value for name in wanted]


def _check_ranges(bundle: Bundle, matrix: np.ndarray) -> None:
    try:
        bundle.check_ranges(matrix)
    except WrongValue as error:
        raise WrongField(error.message, field=f"features.{error.row}.values.{error.name}", hint=error.hint) from error


def _wrong(number: int, name: str, what: str, hint: str) -> WrongField:
    return WrongField(f"row {number} of features: {what}", field=f"features.{number}.{name}", hint=hint)


def _there_are(entities: Iterable[str]) -> str:
    return f"there are: {', '.join(list(entities)[:10]) or 'none'}"
