"""Forecasts without HTTP: a part of the horizon, features that the caller gives, and keepers that fail."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_code.cases import build_features
from model_code.errors import StoreError
from model_code.installation import Installation
from model_code.kept.predictions_of import predictions_of
from model_code.kept.record import Kept
from model_code.origins import target_rows
from services.forecaster.forecasts import Forecasts
from services.forecaster.messages import ForecastAnswer, ForecastRequest
from services.forecaster.problems import WrongField
from services.forecaster.watcher import Serving
from services.keeping.keeper import KeeperStanding, SpoolFull
from tests.services import tiny
from tests.services.conftest import installation

ORIGIN = tiny.LATEST - timedelta(days=2)


class Memory:
    """A keeper that holds records, and fails when it is told to."""

    def __init__(self) -> None:
        self.records: list[Kept] = []
        self.failure: Exception | None = None
        self.waiting: Future[None] | None = None
        self.standing = KeeperStanding()

    def keep(self, record: Kept) -> Future[None] | None:
        if self.failure is not None:
            raise self.failure
        self.records.append(record)
        return self.waiting

    def find(self, usecase: str, request_id: str) -> Any:
        return predictions_of(each for each in self.records if (each.usecase, each.request_id) == (usecase, request_id))

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return installation(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def serving(place: Installation) -> Serving:
    return Serving(place.bundle(tiny.make_bundle(place, "ridge").hash), "1", tiny.PRESENT)


@pytest.fixture
def keeper() -> Memory:
    return Memory()


@pytest.fixture
def forecasts(place: Installation, keeper: Memory) -> Iterator[Forecasts]:
    return Forecasts(place, keeper, lambda: tiny.PRESENT)


def ask(forecasts: Forecasts, serving: Serving, **asked: Any) -> ForecastAnswer:
    request = ForecastRequest.model_validate({"origin": ORIGIN, **asked})
    return forecasts.answer(request, request.request_id or "new", serving)


def features_of(place: Installation, serving: Serving, origin: datetime = ORIGIN) -> list[dict[str, Any]]:
    """The features that the store would give, as a caller would."""
    start = pd.Timestamp(origin)
    rows = target_rows(serving.bundle.spec, start, tiny.ENTITIES)
    built = build_features(serving.bundle.usecase, place.history(tiny.PRESENT).at(start), start, rows)
    told = built.astype(object).where(built.notna(), None).to_dict("records")
    return [
        {"entity": entity, "lead": step, "values": values}
        for entity, step, values in zip(rows["entity"], rows["step"].tolist(), told, strict=True)
    ]


def test_forecast__of_a_shorter_horizon_is_its_beginning(forecasts: Forecasts, serving: Serving, keeper: Memory) -> None:
    whole, short = ask(forecasts, serving), ask(forecasts, serving, horizon=2, request_id="short")

    assert [value.lead_seconds for value in short.values] == [0, 3600] * 2
    assert short.values == tuple(value for value in whole.values if value.lead_seconds < 7200)
    assert len(keeper.records[1].value) == 8 * 4
    with pytest.raises(WrongField, match="another question"):
        ask(forecasts, serving, request_id="short")


def test_forecast__of_given_features_is_that_of_the_store(
    place: Installation, forecasts: Forecasts, serving: Serving, keeper: Memory
) -> None:
    rows = features_of(place, serving)

    from_store, from_caller = ask(forecasts, serving), ask(forecasts, serving, features=rows[::-1])

    assert from_caller.values == from_store.values
    read, given = keeper.records
    assert (given.entity, given.time, given.lead_seconds, given.value) == (read.entity, read.time, read.lead_seconds, read.value)
    assert predictions_of([given])[3].features_hash == predictions_of([read])[3].features_hash
    assert given.features is not None
    np.testing.assert_array_equal(
        np.frombuffer(given.features).reshape(8, 2), [[row["values"]["yesterday"], row["values"]["before"]] for row in rows]
    )


def test_forecast__of_given_features_reads_no_table(serving: Serving, keeper: Memory, tmp_path: Path) -> None:
    tiny.write_usecase(tmp_path / "usecases")
    empty = Installation.open(tiny.NAME, tiny.settings_for(tmp_path / "home", tmp_path / "usecases", 1))
    row = {"entity": "south", "lead": 2, "values": {"before": None, "yesterday": 100.0}}

    answer = ask(Forecasts(empty, keeper, lambda: tiny.PRESENT), serving, features=[row])

    (value,) = answer.values
    expected = serving.bundle.predict_rows(np.array([[100.0, np.nan]]), np.array([2]))
    assert (value.entity, value.time, value.value) == ("south", ORIGIN + timedelta(hours=2), expected.value[0])


def test_forecast__of_given_features_asked_again_gets_the_stored_answer(
    place: Installation, forecasts: Forecasts, serving: Serving
) -> None:
    rows = features_of(place, serving)
    first = ask(forecasts, serving, features=rows, request_id="mine")

    assert ask(forecasts, serving, features=rows, request_id="mine") == first
    rows[0]["values"]["before"] += 1.0
    north, later, *others = features_of(place, serving)  # the same values, each about the other's time
    exchanged = [north | {"lead": later["lead"]}, later | {"lead": north["lead"]}, *others]
    yesterday = features_of(place, serving, ORIGIN - timedelta(days=1))
    for other in ({"features": rows}, {"features": exchanged}, {}, {"features": yesterday}):
        with pytest.raises(WrongField, match="another question"):
            ask(forecasts, serving, request_id="mine", **other)


VALUES = {"yesterday": 50.0, "before": 50.0}
WRONG = [
    ({"values": VALUES}, "features.1.entity", "there are: north, south"),
    ({"entity": "east", "values": VALUES}, "features.1.entity", "no entity 'east'"),
    ({"entity": "north", "lead": 4, "values": VALUES}, "features.1.lead", "steps are 0 to 3"),
    ({"entity": "north", "lead": 0, "values": VALUES}, "features.1.lead", "given before"),
    ({"entity": "north", "lead": 1, "values": {"yesterday": 50.0}}, "features.1.values.before", "lacks feature before"),
    ({"entity": "north", "lead": 1, "values": VALUES | {"wind": 1.0}}, "features.1.values.wind", "unknown feature wind"),
    ({"entity": "north", "lead": 1, "values": VALUES | {"before": 5e6}}, "features.1.values.before", "feature before is 5e\\+06"),
]


@pytest.mark.parametrize(("row", "field", "told"), WRONG)
def test_forecast__wrong_given_features_are_refused_by_name(
    forecasts: Forecasts, serving: Serving, keeper: Memory, row: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(WrongField, match=told) as refused:
        ask(forecasts, serving, features=[{"entity": "north", "values": VALUES}, row])

    assert refused.value.field == field
    assert not keeper.records


def test_forecast__that_cannot_be_kept_is_not_given(forecasts: Forecasts, serving: Serving, keeper: Memory) -> None:
    keeper.failure = SpoolFull("no room")
    with pytest.raises(SpoolFull):
        ask(forecasts, serving)

    keeper.failure, keeper.waiting = None, Future()
    keeper.waiting.set_exception(StoreError("the store is down"))
    with pytest.raises(StoreError, match="the store is down"):
        ask(forecasts, serving)


def test_forecast__is_looked_up_in_the_store_unless_that_is_down(
    place: Installation, forecasts: Forecasts, serving: Serving, keeper: Memory
) -> None:
    stored = ask(forecasts, serving, request_id="stored")
    place.predictions.add(predictions_of(keeper.records))
    keeper.records.clear()

    assert ask(forecasts, serving, request_id="stored") == stored
    assert not keeper.records
    keeper.standing = KeeperStanding(store_down_since=tiny.PRESENT)
    ask(forecasts, serving, request_id="stored")
    assert len(keeper.records) == 1


def test_forecast__warm_reads_what_is_needed_and_keeps_nothing(forecasts: Forecasts, serving: Serving, keeper: Memory) -> None:
    forecasts.warm(serving)

    assert not keeper.records


def test_forecasts__are_imported_without_data_frames_and_tables() -> None:
    heavy = ("pandas", "pyarrow", "deltalake", "scipy", "sklearn", "mlflow")
    program = f"import sys, services.forecaster.forecasts; print([name for name in {heavy} if name in sys.modules])"

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
