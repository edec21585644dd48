import math
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from pydantic import ValidationError

from model_code.errors import StoreError
from model_code.predictions import Prediction, PredictionStore, prediction_id

ORIGIN = datetime(2014, 7, 1, tzinfo=UTC)


def predictions(n=3, request="r1", origin=ORIGIN, entity="victoria", usecase="demand", **fields):
    times = [origin + timedelta(minutes=30 * (i + 1)) for i in range(n)]
    given = {"value": 4.5, "lower": 4.0, "upper": 5.0} | fields
    return [
        Prediction(
            prediction_id=prediction_id(request, entity, time),
            request_id=request,
            usecase=usecase,
            entity=entity,
            origin=origin,
            time=time,
            lead_seconds=int((time - origin).total_seconds()),
            version="1",
            bundle="aa",
            asked_by="test",
            made_at=origin + timedelta(seconds=1),
            features_hash="ff",
            **given,
        )
        for time in times
    ]


def test_prediction_id__is_the_same_for_the_same_moment_and_differs_else():
    same = prediction_id("r1", "victoria", ORIGIN.astimezone(timezone(timedelta(hours=10))))
    assert prediction_id("r1", "victoria", ORIGIN) == same
    others = [("r2", "victoria", ORIGIN), ("r1", "sce", ORIGIN), ("r1", "victoria", ORIGIN + timedelta(seconds=1))]
    assert same not in {prediction_id(*other) for other in others}


def test_prediction_store__add_keeps_each_prediction_once(engine):
    store = PredictionStore(engine)
    assert store.add(predictions(3)) == 3
    assert store.add(predictions(5)) == 2
    assert store.add(iter(predictions(5))) == 0
    assert store.add([]) == 0
    assert len(store.by_request("r1")) == 5


def test_prediction_store__add_keeps_the_first_answer(engine):
    store = PredictionStore(engine)
    store.add(predictions(1, value=4.5))
    store.add(predictions(1, value=9.9))
    assert [each.value for each in store.by_request("r1")] == [4.5]


def test_prediction_store__by_request_gives_back_what_was_added(engine):
    store = PredictionStore(engine)
    asked = predictions(3, request="r2")
    store.add(predictions(3))
    store.add(reversed(asked))
    assert store.by_request("r2") == asked
    assert store.by_request("r9") == []


def test_prediction_store__the_same_request_id_of_two_use_cases_keeps_both(engine):
    store = PredictionStore(engine)
    assert store.add(predictions(2)) + store.add(predictions(2, usecase="churn")) == 4
    assert [each.usecase for each in store.by_request("r1", "churn")] == ["churn", "churn"]
    assert len(store.by_request("r1")) == 4


def test_prediction_store__without_an_interval_the_bounds_are_none_and_nan(engine):
    store = PredictionStore(engine)
    store.add(predictions(1, lower=math.nan, upper=None))
    assert [(each.lower, each.upper) for each in store.by_request("r1")] == [(None, None)]
    frame = store.between("demand", ORIGIN, ORIGIN + timedelta(days=1))
    assert frame[["lower", "upper"]].isna().all(axis=None)
    assert frame["lower"].dtype == "float64"


def test_prediction_store__between_is_half_open_by_origin_or_time(engine):
    store = PredictionStore(engine)
    for day in range(3):
        store.add(predictions(2, request=f"r{day}", origin=ORIGIN + timedelta(days=day)))
    end = ORIGIN + timedelta(days=2)
    assert list(store.between("demand", ORIGIN, end)["request_id"]) == ["r0", "r0", "r1", "r1"]
    by_time = store.between("demand", ORIGIN + timedelta(minutes=60), end + timedelta(minutes=60), by="time")
    assert list(by_time["request_id"]) == ["r0", "r1", "r1", "r2"]
    assert store.between("churn", ORIGIN, end).empty


@pytest.mark.parametrize("n", [0, 2])
def test_prediction_store__between_has_the_same_columns_and_types_when_empty(engine, n):
    store = PredictionStore(engine)
    store.add(predictions(n))
    frame = store.between("demand", ORIGIN, ORIGIN + timedelta(days=1))
    assert len(frame) == n
    assert list(frame.columns) == list(Prediction.model_fields) or set(frame.columns) == set(Prediction.model_fields)
    types = {name: str(frame[name].dtype) for name in ("origin", "time", "made_at", "value", "lead_seconds")}
    assert types == dict.fromkeys(("origin", "time", "made_at"), "datetime64[us, UTC]") | {
        "value": "float64",
        "lead_seconds": "int64",
    }


def test_prediction_store__takes_pandas_times(engine):
    store = PredictionStore(engine)
    store.add(predictions(1, origin=pd.Timestamp(ORIGIN)))
    assert store.newest("demand") == ORIGIN


def test_prediction_store__newest_is_the_latest_origin(engine):
    store = PredictionStore(engine)
    assert store.newest("demand") is None
    store.add(predictions(1, request="r2", origin=ORIGIN + timedelta(days=2)))
    store.add(predictions(1))
    assert store.newest("demand") == ORIGIN + timedelta(days=2)


def test_prediction_store__two_programs_may_add_the_same_at_once(engine, sql_url, programs):
    PredictionStore(engine)
    adders = [programs.Process(target=add_all, args=(sql_url, position)) for position in range(2)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join(60)
    assert [adder.exitcode for adder in adders] == [0, 0]
    assert len(PredictionStore(engine).between("demand", ORIGIN, ORIGIN + timedelta(days=99))) == 40 * 10


def add_all(url, position):
    from model_code import sql

    store = PredictionStore(sql.engine(url))
    for day in range(40):
        store.add(predictions(10, request=f"r{day}", origin=ORIGIN + timedelta(days=day), value=float(position)))


def test_prediction_store__a_full_disk_keeps_nothing_of_the_call(tmp_path):
    from model_code import sql

    engine = sql.engine(f"sqlite:///{tmp_path / 'state.db'}")
    store = PredictionStore(engine)
    store.add(predictions(1))
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StoreError, match="full"):
        store.add(predictions(5000, request="r2"))
    assert len(store.between("demand", ORIGIN, ORIGIN + timedelta(days=400))) == 1
    engine.dispose()


@pytest.mark.parametrize("wrong", [{"value": math.nan}, {"value": math.inf}, {"origin": datetime(2014, 7, 1)}])
def test_prediction__refuses_what_cannot_be_judged(wrong):
    with pytest.raises(ValidationError):
        predictions(1, **wrong)
