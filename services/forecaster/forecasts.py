"""Answering a question: features as of the origin, the bundle's prediction, kept, and only then the answer."""

import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from model_code.bundle import Predicted
from model_code.errors import StoreError
from model_code.installation import Installation
from model_code.kept.record import Kept
from model_code.usecase import UseCaseSpec
from services.forecaster.messages import ForecastAnswer, ForecastRequest, ForecastValue
from services.forecaster.problems import WrongField
from services.forecaster.watcher import Serving
from services.keeping.keeper import KEEP_SECONDS, Keeper

if TYPE_CHECKING:  # data frames and tables take a second to import: when they are first needed, or by `warm`
    from model_code.prediction import Prediction
    from services.forecaster.asked import Asked
    from services.forecaster.observations import Observations

ROUTE = "forecast"
TURNS = 64
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Forecasts:
    """Forecasts of one use case, every one of them kept; safe to share between threads.

    Args:
        place: The use case's installation.
        keeper: Where predictions are kept.
        clock: The wall clock.
        count: Told how many predictions were kept.
    """

    def __init__(
        self, place: Installation, keeper: Keeper, clock: Callable[[], datetime], count: Callable[[int], None] = lambda _: None
    ) -> None:
        self._place = place
        self._usecase = place.usecase.name
        self._keeper = keeper
        self._clock = clock
        self._count = count
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def answer(self, request: ForecastRequest, request_id: str, serving: Serving) -> ForecastAnswer:
        """The stored answer of a known request id, or a new one, which is kept before it is returned.

        Raises:
            WrongField: A field of the request cannot be answered.
            TooLittleData: The observations are missing or too old.
            StoreError: Observations cannot be read, or the predictions not kept.
        """
        if request.request_id is None:
            return self._new(request, request_id, serving)
        with self._turns[hash(request_id) % TURNS]:  # asked twice at once, the second one gets the first one's answer
            stored = self._stored(request_id)
            if not stored:
                return self._new(request, request_id, serving)
        if not self._is_same(request, stored, serving):
            raise WrongField(f"request_id {request_id!r} was used for another question", field="request_id", hint="use a new one")
        return _stored_answer(request, stored, serving.bundle.spec)

    def warm(self, serving: Serving) -> None:
        """Import and read what the latest forecast needs, so that the first one need not wait for it; nothing is kept.

        Raises:
            EvenkeelError: As the first forecast would.
        """
        asked = self._asked(ForecastRequest(), serving)
        serving.bundle.predict_rows(asked.matrix, asked.lead, asked.entity)

    def _stored(self, request_id: str) -> "Sequence[Prediction]":
        """What was answered to this id; first where it may be before it is in the store, for in between it moves."""
        waiting = [each for each in self._keeper.find(self._usecase, request_id) if each.route == ROUTE]
        if waiting or self._keeper.standing.store_down_since is not None:
            return waiting
        try:
            return self._place.predictions.answered(request_id, self._usecase)
        except StoreError as error:
            # The keeper decides whether there can be an answer: a spool outlives the store.
            logger.warning("request id %s could not be looked up: %s", request_id, error)
            return ()

    def _asked(self, request: ForecastRequest, serving: Serving) -> "Asked":
        from services.forecaster.asked import given, read

        present = self._place.present(None)
        if request.features is not None:
            return given(request, serving.bundle, present)
        return read(request, serving.bundle, self._observations, present)

    @cached_property
    def _observations(self) -> "Observations":
        from services.forecaster.observations import Observations

        return Observations(self._place.store, self._place.settings.store_recheck_seconds)

    def _new(self, request: ForecastRequest, request_id: str, serving: Serving) -> ForecastAnswer:
        began = time.perf_counter_ns()
        asked = self._asked(request, serving)
        predicted = serving.bundle.predict_rows(asked.matrix, asked.lead, asked.entity)
        record = self._record(request, request_id, serving, asked, predicted, began)
        self._keep(record)
        self._count(len(asked.lead))
        return _new_answer(request, record, predicted, serving.bundle.spec)

    def _keep(self, record: Kept) -> None:
        waiting = self._keeper.keep(record)
        if waiting is None:
            return
        try:
            waiting.result(KEEP_SECONDS)
        except TimeoutError as error:
            raise StoreError(f"the store did not commit within {KEEP_SECONDS:g} s", hint="ask again with the same id") from error

    def _record(
        self, request: ForecastRequest, request_id: str, serving: Serving, asked: "Asked", predicted: Predicted, began: int
    ) -> Kept:
        spec = serving.bundle.spec
        first, step = spec.horizon.first // MICROSECOND, spec.horizon.step // MICROSECOND
        ahead = (first + step * asked.lead).tolist()
        interval, was_given = spec.task == "forecast", request.features is not None
        return Kept(
            request_id=request_id,
            usecase=spec.name,
            route=ROUTE,
            version=serving.version,
            bundle=serving.bundle.hash,
            asked_by=request.asked_by,
            made_at=(self._clock() - EPOCH) // MICROSECOND,
            latency=(time.perf_counter_ns() - began) // 1_000,
            origin=asked.origin,
            entity=asked.entity,
            time=[asked.origin + microseconds for microseconds in ahead],
            lead_seconds=[_seconds(microseconds) for microseconds in ahead],
            value=predicted.value.tobytes(),
            lower=predicted.lower.tobytes() if interval else None,
            upper=predicted.upper.tobytes() if interval else None,
            features=asked.matrix.tobytes() if was_given else None,
            features_hash=None if was_given else b"".join(_digest(row) for row in asked.matrix),
        )

    def _is_same(self, request: ForecastRequest, stored: "Sequence[Prediction]", serving: Serving) -> bool:
        """Whether the question is the one that was answered: a request id stands for one."""
        first, spec = stored[0], serving.bundle.spec
        if first.route not in (ROUTE, None) or (request.origin is not None and request.origin != first.origin):
            return False
        if request.features is not None:
            return self._rows(request, serving) == Counter(
                (item.entity, item.lead_seconds, item.features_hash) for item in stored
            )
        entities, times = {item.entity for item in stored}, {item.time for item in stored}
        wanted = {request.entity} if request.entity is not None else set(spec.entities or entities)
        return entities == wanted and len(times) == (request.horizon or spec.horizon.steps) and first.features is None

    def _rows(self, request: ForecastRequest, serving: Serving) -> Counter[tuple[str, int, str]]:
        """Entity, lead time and digest of each row of given features, in any order."""
        asked, horizon = self._asked(request, serving), serving.bundle.spec.horizon
        leads = [_seconds(horizon.first // MICROSECOND + horizon.step // MICROSECOND * lead) for lead in asked.lead.tolist()]
        return Counter(zip(asked.entity, leads, (_digest(row).hex() for row in asked.matrix), strict=True))


def _seconds(microseconds: int) -> int:
    return round(microseconds / 1_000_000)


def _digest(row: np.ndarray) -> bytes:
    return hashlib.sha256(row.tobytes()).digest()


def _new_answer(request: ForecastRequest, record: Kept, predicted: Predicted, spec: UseCaseSpec) -> ForecastAnswer:
    rows = zip(
        record.entity or (),
        record.time or (),
        record.lead_seconds or (),
        predicted.value.tolist(),
        predicted.lower.tolist() if record.lower is not None else [None] * len(predicted.value),
        predicted.upper.tolist() if record.upper is not None else [None] * len(predicted.value),
        strict=True,
    )
    return ForecastAnswer(
        usecase=record.usecase,
        version=record.version,
        bundle=record.bundle,
        entity=request.entity,
        origin=_moment(record.origin or 0),
        unit=spec.target.unit,
        request_id=record.request_id,
        values=tuple(
            ForecastValue(entity=entity, time=_moment(at), lead_seconds=lead, value=value, lower=lower, upper=upper)
            for entity, at, lead, value, lower, upper in rows
        ),
    )


def _stored_answer(request: ForecastRequest, stored: "Sequence[Prediction]", spec: UseCaseSpec) -> ForecastAnswer:
    first = stored[0]
    told = [item.model_dump(include=set(ForecastValue.model_fields)) for item in stored]
    return ForecastAnswer.model_validate(
        {
            "usecase": first.usecase,
            "version": first.version,
            "bundle": first.bundle,
            "entity": request.entity,
            "origin": first.origin,
            "unit": spec.target.unit,
            "request_id": first.request_id,
            "values": sorted(told, key=lambda item: (item["entity"], item["time"])),
        }
    )


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
