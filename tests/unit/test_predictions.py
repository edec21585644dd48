import math
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from model_code import sql
from model_code.errors import StoreError
from model_code.prediction_table import LOOSENED, TABLE
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
    assert set(frame.columns) == set(Prediction.model_fields) - {"latency_us", "features"}
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
    store = PredictionStore(sql.engine(url))
    for day in range(40):
        store.add(predictions(10, request=f"r{day}", origin=ORIGIN + timedelta(days=day), value=float(position)))


def test_prediction_store__a_full_disk_keeps_nothing_of_the_call(tmp_path):
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


def test_prediction_store__what_tells_no_time_is_kept_and_not_judged(engine):
    store = PredictionStore(engine)
    told = predictions(1, request="r2")
    untold = [
        each.model_copy(
            update=dict.fromkeys(missing) | {"prediction_id": str(i), "position": i, "features": b"\0" * 16, "route": "predict"}
        )
        for i, missing in enumerate([LOOSENED, *([name] for name in LOOSENED)])
        for each in predictions(1)
    ]
    assert store.add(told + untold) == 6
    assert sorted(store.by_request("r1"), key=lambda each: each.position) == untold
    for by in ("origin", "time"):
        frame = store.between("demand", ORIGIN - timedelta(days=1), ORIGIN + timedelta(days=1), by=by)
        assert list(frame["request_id"]) == ["r2"]


def test_prediction_store__rows_of_a_request_come_in_their_order(engine):
    store = PredictionStore(engine)
    rows = [
        each.model_copy(update={"prediction_id": str(99 - i), "position": i, "entity": None, "time": None})
        for i in range(12)
        for each in predictions(1)
    ]
    store.add(reversed(rows))
    assert [each.position for each in store.by_request("r1")] == list(range(12))


def first_release(engine):
    """The table as the first release made it, with three rows."""
    old = sa.Table("prediction", sa.MetaData())
    for column in TABLE.c:
        if column.name not in ("route", "position", "latency_us", "features"):
            optional = column.name in ("lower", "upper")
            old.append_column(sa.Column(column.name, column.type, primary_key=column.primary_key, nullable=optional))
    sa.Index("ix_prediction_request_id", old.c.request_id)
    sa.Index("prediction_by_origin", old.c.usecase, old.c.origin)
    sa.Index("prediction_by_time", old.c.usecase, old.c.time)
    old.create(engine)
    rows = [each.model_dump(include=set(old.c.keys())) for each in predictions(3)]
    with sql.transaction(engine) as connection:
        connection.execute(sa.insert(old), rows)


def test_prediction_store__a_table_of_the_first_release_is_brought_up_to_date(engine):
    first_release(engine)
    store = PredictionStore(engine)
    assert store.by_request("r1") == predictions(3)
    untold = predictions(1, request="r2")[0].model_copy(update=dict.fromkeys(LOOSENED) | {"latency_us": 5})
    assert store.add([untold]) == 1
    assert PredictionStore(engine).by_request("r2") == [untold]
    assert {index["name"] for index in sa.inspect(engine).get_indexes("prediction")} == {i.name for i in TABLE.indexes}
    assert set(sa.inspect(engine).get_table_names()) == {"prediction", "prediction_block"}


def test_prediction_store__many_programs_may_bring_one_table_up_to_date(engine, sql_url, programs):
    first_release(engine)
    barrier = programs.Barrier(4)
    starting = [programs.Process(target=open_at_once, args=(sql_url, barrier)) for _ in range(4)]
    for program in starting:
        program.start()
    for program in starting:
        program.join(60)
    assert [program.exitcode for program in starting] == [0] * 4
    assert len(PredictionStore(engine).by_request("r1")) == 3


def open_at_once(url, barrier):
    engine = sql.engine(url)
    barrier.wait()
    PredictionStore(engine)
