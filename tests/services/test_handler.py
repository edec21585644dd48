"""The handler's records: what is kept of rows that a caller gave."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from model_code.bundle import Divide, Predicted, PredictMatrix
from model_code.errors import InvalidRequest, StoreError
from model_code.kept.record import Kept
from services.forecaster.dividing import Dividing
from services.forecaster.handler import Handler, Question
from services.forecaster.told_origin import EPOCH, MICROSECOND
from services.forecaster.watcher import Serving
from services.keeping.keeper import KeeperStanding
from tests.services import tiny
from tests.services.conftest import installation

ORIGIN = (tiny.LATEST - EPOCH) // MICROSECOND
HOUR = 3_600_000_000


class Listed:
    """A keeper that lists what it is given; it may fail after the fact, as a group commit does."""

    standing = KeeperStanding()

    def __init__(self, error: StoreError | None = None) -> None:
        self.kept: list[Kept] = []
        self._error = error

    def keep(self, record: Kept) -> Future[None] | None:
        self.kept.append(record)
        if self._error is None:
            return None
        future: Future[None] = Future()
        future.set_exception(self._error)
        return future

    def find(self, usecase: str, request_id: str) -> list[object]:
        return []

    def close(self) -> None: ...


class Waiting(Listed):
    """One whose commit ends when the test says so."""

    def __init__(self, future: Future[None]) -> None:
        super().__init__()
        self._future = future

    def keep(self, record: Kept) -> Future[None]:
        return self._future


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    place = installation(tmp_path_factory.mktemp("handled"))
    return Serving(place.bundle(tiny.make_bundle(place, "ridge").hash), "7", tiny.PRESENT)


def question(rows: int = 2, **changes: object) -> Question:
    lead = np.arange(rows) % 4
    asked = Question("predict", "r", "somebody", np.full((rows, 2), 55.0), lead, ["north"] * rows, ORIGIN, 0)
    for name, value in changes.items():
        setattr(asked, name, value)
    return asked


def test_record__times_follow_the_horizon_s_first_step(serving: Serving) -> None:
    bundle = serving.bundle
    horizon = bundle.spec.horizon.model_copy(update={"first": timedelta(hours=6)})
    later = replace(serving, bundle=replace(bundle, spec=bundle.spec.model_copy(update={"horizon": horizon})))
    keeper = Listed()

    asyncio.run(Handler(keeper, lambda: 5, 1, lambda _: None).answer(question(), later))  # type: ignore[arg-type]

    assert keeper.kept[0].time == [ORIGIN + 6 * HOUR, ORIGIN + 7 * HOUR]
    assert keeper.kept[0].lead_seconds == [6 * 3600, 7 * 3600]
    assert (keeper.kept[0].version, keeper.kept[0].made_at, keeper.kept[0].origin) == ("7", 5, ORIGIN)


def test_answer__waits_no_longer_than_it_may_for_a_commit(serving: Serving) -> None:
    never: Future[None] = Future()
    counted: list[int] = []
    handler = Handler(Waiting(never), lambda: 5, 1, counted.append, keep_seconds=0.05)  # type: ignore[arg-type]

    with pytest.raises(StoreError, match="did not commit within"):
        asyncio.run(handler.answer(question(), serving))

    assert never.cancelled(), "a commit to come need not tell anybody"
    assert counted == []


def test_answer__waits_for_the_commit_and_fails_with_it(serving: Serving) -> None:
    handler = Handler(Listed(StoreError("the store is down")), lambda: 5, 1, lambda _: None)  # type: ignore[arg-type]

    with pytest.raises(StoreError, match="down"):
        asyncio.run(handler.answer(question(), serving))


def test_answer__counts_only_what_was_kept(serving: Serving) -> None:
    counted: list[int] = []
    good = Handler(Listed(), lambda: 5, 1, counted.append)  # type: ignore[arg-type]
    bad = Handler(Listed(StoreError("the store is down")), lambda: 5, 1, counted.append)  # type: ignore[arg-type]

    asyncio.run(good.answer(question(100), serving))
    with pytest.raises(StoreError):
        asyncio.run(bad.answer(question(), serving))

    assert counted == [100]


def test_record__says_less_where_the_caller_told_less(serving: Serving, tmp_path: Path) -> None:
    keeper = Listed()

    asyncio.run(Handler(keeper, lambda: 5, 1, lambda _: None).answer(question(entity=None, origin=None), serving))  # type: ignore[arg-type]

    record = keeper.kept[0]
    assert (record.entity, record.origin, record.time, record.lead_seconds) == (None, None, None, [0, 3600])
    assert record.features == np.full((2, 2), 55.0).tobytes()


@pytest.mark.parametrize(("threads", "rows"), [(1, 1000), (2, 300), (2, 511), (3, 1000), (4, 65)])
def test_answer__of_many_rows_is_that_of_the_bundle_in_their_order(serving: Serving, threads: int, rows: int) -> None:
    matrix = np.random.default_rng(rows).uniform(40, 60, (rows, 2))
    keeper = Listed()
    handler = Handler(keeper, lambda: 5, threads, lambda _: None)  # type: ignore[arg-type]

    answer = asyncio.run(handler.answer(question(rows, matrix=matrix), serving))

    whole = serving.bundle.predict_rows(matrix, np.arange(rows) % 4)
    for given, expected in ((answer.value, whole.value), (answer.lower, whole.lower), (answer.upper, whole.upper)):
        np.testing.assert_allclose(given, expected, rtol=1e-12)
    assert np.frombuffer(keeper.kept[0].value).shape == (rows,)


def test_answer__of_many_rows_is_divided_only_among_idle_threads(serving: Serving) -> None:
    sizes: list[int] = []

    class Watched:
        spec, hash = serving.bundle.spec, serving.bundle.hash
        check_ranges = staticmethod(serving.bundle.check_ranges)

        @staticmethod
        def predict_rows(
            matrix: np.ndarray, lead: np.ndarray | None, entity: list[str] | None, *, divide: Divide | None
        ) -> Predicted:
            def watched(predict: PredictMatrix, part: np.ndarray) -> np.ndarray:
                sizes.append(len(part))
                return predict(part)

            def whole(predict: PredictMatrix, matrix: np.ndarray) -> np.ndarray:
                return predict(matrix)

            def divided(predict: PredictMatrix, matrix: np.ndarray) -> np.ndarray:
                return (divide or whole)(partial(watched, predict), matrix)

            return serving.bundle.predict_rows(matrix, lead, divide=divided)

    handler = Handler(Listed(), lambda: 5, 2, lambda _: None)  # type: ignore[arg-type]
    watched = replace(serving, bundle=Watched())  # type: ignore[arg-type]

    async def ask(at_once: int) -> list[int]:
        sizes.clear()
        await asyncio.gather(*(handler.answer(question(1000), watched) for _ in range(at_once)))
        return sorted(sizes)

    async def turns() -> list[list[int]]:
        return [await ask(at_once) for at_once in (1, 3, 1)]

    assert asyncio.run(turns()) == [[500, 500], [500, 500, 1000, 1000], [500, 500]]


def test_answer__of_many_rows_names_the_row_at_fault_and_keeps_nothing(serving: Serving) -> None:
    matrix = np.full((1000, 2), 55.0)
    matrix[700, 1] = 1e9
    keeper = Listed()

    with pytest.raises(InvalidRequest, match="row 700"):
        asyncio.run(Handler(keeper, lambda: 5, 2, lambda _: None).answer(question(1000, matrix=matrix), serving))  # type: ignore[arg-type]

    assert keeper.kept == []


def test_dividing__does_itself_what_no_other_thread_is_free_for() -> None:
    with ThreadPoolExecutor(1) as pool:
        rows = np.arange(1000.0).reshape(1000, 1)

        told = pool.submit(Dividing(pool, 3), lambda part: part[:, 0] + len(part), rows).result(timeout=10)

    np.testing.assert_array_equal(told, np.arange(1000) + np.repeat([334, 333, 333], [334, 333, 333]))
