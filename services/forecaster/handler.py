"""The one handler of rows of features: check, predict, keep; the routes around it only parse and write."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np

from model_code.bundle import Predicted
from model_code.errors import StoreError
from model_code.kept.record import Kept
from model_code.usecase import UseCaseSpec
from services.forecaster.dividing import Dividing, parts_of
from services.forecaster.problems import TooManyRows, WrongField
from services.forecaster.turns import Turn
from services.forecaster.watcher import Serving
from services.keeping.keeper import KEEP_SECONDS, Keeper

INLINE_ROWS = 64  # more are predicted in a thread, so that other requests are not kept waiting
MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Question:
    """Rows of features, parsed.

    Attributes:
        route: Which way it came: predict, infer or batch.
        matrix: (n, k) float64 in the order of the bundle's columns, NaN is not known.
        lead: (n,) lead times in steps; None for a classification.
        entity: (n,) what each row is about; None where not told.
        origin: When the forecast is made, microseconds since the epoch; None where not told.
        arrived: `time.perf_counter_ns()` at the request's head.
        first_row: Number of the first row within the request, where it comes in chunks.
        driven: Whether the server itself drives the request, so that it can wait for its turn to end, see `turns`.
    """

    route: str
    request_id: str
    asked_by: str
    matrix: np.ndarray
    lead: np.ndarray | None
    entity: list[str] | None
    origin: int | None
    arrived: int
    first_row: int = 0
    driven: bool = False


class Handler:
    """Answers questions with the bundle that it is given; every answer is kept before it is returned.

    Args:
        keeper: Where predictions are kept.
        clock: Microseconds since the epoch.
        threads: Predictions of many rows at once.
        count: Told how many predictions were kept.
        keep_seconds: So long an answer waits to be kept.
    """

    def __init__(
        self,
        keeper: Keeper,
        clock: Callable[[], int],
        threads: int,
        count: Callable[[int], None],
        *,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._keeper = keeper
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._count = count
        self._idle = threads
        self._turn = Turn()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")

    async def answer(self, question: Question, serving: Serving) -> Predicted:
        """Check, predict, keep.

        Raises:
            InvalidRequest: The rows are not what the model takes.
            BundleError: The model gave what cannot be an answer.
            StoreError: The predictions could not be kept; there is no answer then.
        """
        serving.bundle.check_ranges(question.matrix)
        rows = len(question.matrix)
        if question.driven and 1 < serving.bundle.rows_together >= rows:
            predicted = await self._turn.place(question, serving.bundle)
        elif rows <= INLINE_ROWS:
            predicted = serving.bundle.predict_rows(question.matrix, question.lead, question.entity)
        else:
            predicted = await self._predict_in_thread(question, serving)
        waiting = self._keeper.keep(self._record(question, serving, predicted))
        if waiting is not None:
            await self._kept(waiting)
        self._count(len(predicted.value))
        return predicted

    async def _kept(self, waiting: Future[None]) -> None:
        """Wait until it is kept; what is given up may be kept all the same, by an answer that nobody got."""
        kept = asyncio.wrap_future(waiting)
        try:
            await asyncio.wait((kept,), timeout=self._keep_seconds)  # no asyncio.timeout: there may be no task, see `wire`
            if not kept.done():
                raise StoreError(f"the store did not commit within {self._keep_seconds:g} s", hint="ask again with the same id")
            kept.result()
        finally:
            kept.cancel()

    async def _predict_in_thread(self, question: Question, serving: Serving) -> Predicted:
        """One thread answers, and threads that are idle help it with the model.

        Where none is idle the request stays whole: its parts would only wait, and each costs a handover.
        """
        rows = len(question.matrix)
        parts = max(1, min(self._idle, parts_of(rows)))
        divide = Dividing(self._pool, parts) if parts > 1 else None
        answer = partial(serving.bundle.predict_rows, question.matrix, question.lead, question.entity, divide=divide)
        self._idle -= parts
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, answer)
        finally:
            self._idle += parts

    def close(self) -> None:
        """End the threads; whoever waits is answered first."""
        self._pool.shutdown()

    def _record(self, question: Question, serving: Serving, predicted: Predicted) -> Kept:
        times = leads = None
        spec = serving.bundle.spec
        if question.lead is not None:
            first, step = spec.horizon.first // MICROSECOND, spec.horizon.step // MICROSECOND
            ahead = [first + lead * step for lead in question.lead.tolist()]
            leads = [each // 1_000_000 for each in ahead]
            if question.origin is not None:
                times = [question.origin + each for each in ahead]
        interval = spec.task == "forecast"
        return Kept(
            request_id=question.request_id,
            usecase=spec.name,
            route=question.route,
            version=serving.version,
            bundle=serving.bundle.hash,
            asked_by=question.asked_by,
            made_at=self._clock(),
            latency=(time.perf_counter_ns() - question.arrived) // 1_000,
            origin=question.origin,
            entity=question.entity,
            time=times,
            lead_seconds=leads,
            value=predicted.value.tobytes(),
            lower=predicted.lower.tobytes() if interval else None,
            upper=predicted.upper.tobytes() if interval else None,
            features=question.matrix.tobytes(),
            features_hash=None,
            first_row=question.first_row,
        )


def checked_lead(lead: np.ndarray | None, rows: int, spec: UseCaseSpec) -> np.ndarray | None:
    """The lead times of the rows, as the bundle takes them: one each where there is more than one to choose from.

    Raises:
        WrongField: They are missing, too many or too few.
    """
    if lead is None:
        if spec.task == "forecast" and spec.horizon.steps > 1:
            raise WrongField(
                "lead is missing", field="lead", hint=f"one whole number of steps for each row, 0 to {spec.horizon.steps - 1}"
            )
        return np.zeros(rows, dtype=np.int64)
    if len(lead) != rows:
        raise WrongField(f"{len(lead)} lead times for {rows} rows", field="lead", hint="one for each row")
    return lead


def check_entities(entity: list[str] | None, rows: int, spec: UseCaseSpec) -> None:
    """Refuse entities that are not the use case's, or not one for each row.

    Raises:
        WrongField: The first one at fault.
    """
    if entity is None:
        return
    if len(entity) != rows:
        raise WrongField(f"{len(entity)} entities for {rows} rows", field="entity", hint="one for each row")
    if spec.entities:
        unknown = next((name for name in entity if name not in spec.entities), None)
        if unknown is not None:
            raise WrongField(
                f"no entity {unknown[:60]!r}", field="entity", hint=f"there are: {', '.join(list(spec.entities)[:10])}"
            )


def check_rows(rows: int, most: int, field: str = "rows") -> None:
    """Refuse no rows, and too many.

    Raises:
        InvalidRequest: With 422 for none, 413 for too many.
    """
    if not rows:
        raise WrongField("there are no rows", field=field, hint="give at least one")
    if rows > most:
        raise TooManyRows(f"{rows} rows", field=field, hint=f"at most {most} a request; /batch takes more")
