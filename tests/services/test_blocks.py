from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from model_code import prediction_blocks, sql
from model_code.errors import StoreError
from model_code.kept.block import BLOCK_BYTES, Blocks, goes_into_block, records_in
from model_code.kept.predictions_of import predictions_of
from model_code.kept.record import check, decode, encode
from model_code.predictions import PredictionStore
from services.keeping.open_sink import open_sink
from services.keeping.sorting import Sorting
from tests.services.keeping import MADE_AT, USECASE, doubles, forecast, record

LATER = datetime.fromtimestamp(MADE_AT / 1e6, UTC) + timedelta(days=1)


@pytest.fixture
def store(sql_url):
    engine = sql.engine(sql_url)
    yield PredictionStore(engine)
    engine.dispose()


def put(url, *records):
    """Into the store, as the mover does it; how many predictions were new."""
    sink, sorting = open_sink(url), Sorting([encode(each) for each in records])
    try:
        return sink.add(sorting.rows(), sorting.blocks())
    finally:
        sink.close()


def blocks_of(*records):
    found = Blocks()
    for each in records:
        found.add(each, encode(each))
    return list(found)


def table(store):
    with store._engine.connect() as connection:
        return connection.execute(sa.select(prediction_blocks.TABLE)).mappings().all()


def test_goes_into_block__is_what_tells_no_entity_no_time_or_no_origin():
    told = forecast(route="predict")
    assert not goes_into_block(told)
    for missing in ("entity", "time", "origin"):
        assert goes_into_block(forecast(route="predict", **{missing: None}))
    assert not goes_into_block(forecast(entity=None)), "an answer of /forecast is found again by its request id"


def test_blocks__hold_the_records_as_they_were():
    records = [record("a", 2), record("b", made_at=MADE_AT + 5), record("c", usecase="churn")]
    demand, churn = blocks_of(*records)
    assert list(records_in(demand.records)) == records[:2]
    assert (demand.usecase, demand.rows, demand.made_first, demand.made_last) == (USECASE, 3, MADE_AT, MADE_AT + 5)
    assert list(records_in(churn.records)) == records[2:]


def test_blocks__of_the_same_records_are_the_same_and_of_others_are_not():
    again, other = blocks_of(record("a"), record("b")), blocks_of(record("b"), record("a"))
    assert again == blocks_of(record("a"), record("b"))
    assert again[0].block_id != other[0].block_id


def test_blocks__are_bounded():
    big = record(n=BLOCK_BYTES // 64)
    found = blocks_of(*[big] * 9)
    assert len(found) > 1
    assert [len(each.records) < BLOCK_BYTES + len(encode(big)) + 16 for each in found] == [True] * len(found)
    assert sum(each.rows for each in found) == 9 * len(big.value) // 8


def test_records_in__tells_of_a_damaged_byte():
    (block,) = blocks_of(record("a"), record("b"))
    damaged = bytearray(block.records)
    damaged[30] ^= 1
    with pytest.raises(ValueError, match="cannot be read"):
        list(records_in(bytes(damaged)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"entity": ["a", "b"]},
        {"time": []},
        {"lower": doubles(1, 2)},
        {"features": b"123"},
        {"features": None, "features_hash": b"short"},
        {"value": b""},
    ],
)
def test_check__refuses_columns_that_do_not_fit(wrong):
    check(record())
    with pytest.raises(ValueError):
        check(record(**wrong))


def test_store__gives_back_of_a_block_what_rows_would_have_given(store, sql_url):
    records = [record("a", 3), forecast("f"), record("b", 2, first_row=0), record("a", 2, first_row=3)]
    assert put(sql_url, *records) == 3 + 3 + 2 + 2
    assert len(table(store)) == 1
    for request, own in (("a", [records[0], records[3]]), ("b", [records[2]]), ("f", [records[1]])):
        assert store.by_request(request) == predictions_of(own) == store.by_request(request, USECASE)
    assert store.by_request("a", "churn") == store.by_request("none") == []
    assert [each.request_id for each in store.answered("f", USECASE)] == ["f"] * 3
    assert store.answered("a", USECASE) == []


def test_store__counts_and_lists_what_lies_in_blocks(store, sql_url):
    put(sql_url, record("a", 3), forecast("f"), record("b", usecase="churn"))
    assert (store.count(), store.count(USECASE), store.count("churn"), store.count("none")) == (7, 6, 1, 0)
    assert sorted(store.requests()) == [("a", 3), ("b", 1), ("f", 3)]
    assert sorted(store.requests(USECASE)) == [("a", 3), ("f", 3)]


def test_store__the_same_block_twice_is_kept_once(store, sql_url):
    records = [record("a"), record("b")]
    assert (put(sql_url, *records), put(sql_url, *records)) == (2, 0)
    assert store.count() == 2


def test_store__one_question_in_two_blocks_is_one_answer(store, sql_url):
    put(sql_url, record("a"), record("b"))
    put(sql_url, record("a"))
    assert len(store.by_request("a")) == 1


def test_store__nothing_of_a_refused_batch_stays(store, sql_url):
    with pytest.raises(ValueError):
        put(sql_url, record("a"), forecast("f"), record("b", features=b"123"))
    assert store.count() == 0


def test_store__drops_old_blocks_one_by_one_and_no_young_one(store, sql_url):
    day = 86_400_000_000
    put(sql_url, record("a", 2))
    put(sql_url, record("b", 3), record("young", made_at=MADE_AT + 2 * day))
    put(sql_url, record("c", 4))
    put(sql_url, record("other", usecase="churn"))
    assert sorted(store.drop(USECASE, LATER, 1000) for _ in range(4)) == [0, 0, 2, 4]
    assert sorted(each for each, _ in store.requests()) == ["b", "other", "young"]


def test_store__a_damaged_block_is_told_with_its_name(store, sql_url):
    put(sql_url, record("a"))
    with sql.transaction(store._engine) as connection:
        connection.execute(sa.update(prediction_blocks.TABLE).values(records=b"x" * 40))
    with pytest.raises(StoreError, match=r"block [0-9a-f]{32} of demand"):
        store.by_request("a")


def test_sorting__a_message_that_is_no_record_raises():
    with pytest.raises(Exception, match=r"(?i)expected|malformed|invalid|truncated"):
        list(Sorting([b"\x00\x01"]).rows())


def test_record__decodes_from_a_view(sql_url):
    assert decode(memoryview(encode(record()))) == record()
