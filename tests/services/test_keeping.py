import math
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from model_code.errors import InvalidRequest
from model_code.kept.frames import Frames, frame
from model_code.kept.record import decode, encode
from model_code.kept.rows import COLUMNS, rows_of
from model_code.prediction_id import prediction_id
from model_code.prediction_table import TABLE
from services.keeping.opening import open_keeper
from tests.services.keeping import MADE_AT, doubles, forecast, record, settings, stored
from tests.waiting import until


def opened(folder, url, **fields):
    return open_keeper(settings(folder, url, **fields), "demand")


def test_record__comes_back_as_it_was():
    for each in (record(n=3), forecast()):
        assert decode(encode(each)) == each


@pytest.mark.parametrize(
    "wrong",
    [
        {"request_id": "a\0b"},
        {"asked_by": "\0"},
        {"entity": ["\0"]},
        {"asked_by": "\ud800"},
        {"value": doubles(math.nan)},
        {"value": doubles(math.inf)},
    ],
)
def test_record__refuses_what_no_store_takes(wrong):
    with pytest.raises(InvalidRequest):
        encode(record(**wrong))


def test_record__takes_values_whose_sum_is_no_number():
    huge = record(value=doubles(1e308, 1e308), features=None, features_hash=bytes(64))
    assert decode(encode(huge)) == huge


def test_rows__have_the_columns_of_the_table():
    assert list(COLUMNS) == TABLE.c.keys()


def test_rows__of_a_forecast_have_the_identity_that_the_store_knows():
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(forecast())]
    made_at = datetime.fromtimestamp(MADE_AT / 1e6, UTC)
    for i, row in enumerate(rows):
        assert row["prediction_id"] == prediction_id("r1", "VIC", made_at + timedelta(hours=i + 1))


def test_rows__that_tell_the_same_entity_and_time_stay_apart():
    twice = forecast(route="predict", entity=["VIC"] * 3, time=[MADE_AT] * 3)
    assert len({row[1] for row in rows_of(twice)}) == 3


def test_rows__of_chunks_of_one_request_stay_apart():
    rows = rows_of(record(n=2)) + rows_of(record(n=2, first_row=2))
    assert len({row[1] for row in rows}) == 4
    assert [row[COLUMNS.index("position")] for row in rows] == [0, 1, 2, 3]


def test_rows__of_another_question_under_a_used_request_id_stay_apart():
    rows = rows_of(record()) + rows_of(record(features=doubles(7, 8))) + rows_of(record("r2"))
    assert len({row[1] for row in rows}) == 3
    assert rows_of(record())[0][1] == rows[0][1]


@pytest.mark.parametrize("wrong", [{"entity": ["a", "b"]}, {"lower": doubles(1, 2)}, {"features": b"123"}, {"made_at": 10**18}])
def test_rows__of_columns_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        rows_of(record(**wrong))


def test_frames__give_back_whole_messages():
    messages = [b"a" * i for i in range(40)]
    frames = Frames(b"".join(map(frame, messages)))
    assert list(map(bytes, frames)) == messages
    assert (frames.damaged, frames.torn) == (0, 0)


def test_frames__a_torn_last_one_is_no_damage_wherever_it_was_torn():
    whole, last = frame(b"whole"), frame(b"last")
    for cut in range(1, len(last)):
        frames = Frames(whole + last[:cut])
        assert list(map(bytes, frames)) == [b"whole"]
        assert (frames.damaged, frames.torn) == (0, cut)


def test_frames__a_damaged_byte_anywhere_costs_one_message_and_is_told():
    messages = [frame(b"one"), frame(b"two"), frame(b"three")]
    for position in range(len(messages[1])):
        middle = bytearray(messages[1])
        middle[position] ^= 0xFF
        frames = Frames(messages[0] + bytes(middle) + messages[2])
        assert list(map(bytes, frames)) == [b"one", b"three"]
        assert frames.damaged == len(middle)


def test_frames__zeros_at_the_end_are_damage():
    frames = Frames(frame(b"one") + bytes(100))
    assert list(map(bytes, frames)) == [b"one"]
    assert frames.damaged == 100


@pytest.mark.parametrize("keep", ["spool", "store"])
def test_keeper__what_was_kept_is_in_the_store(tmp_path, sql_url, keep):
    keeper = opened(tmp_path, sql_url, keep=keep)
    futures = [keeper.keep(each) for each in (forecast("f"), record("p", 4), record("p", 2, first_row=4), record("p", 4))]
    for future in futures:
        assert (future is None) is (keep == "spool")
        if future is not None:
            future.result(60)
    keeper.close()
    given = stored(sql_url, "f")
    origin = datetime(2014, 7, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert [(each.entity, each.origin, each.lead_seconds, each.value, each.lower, each.upper) for each in given] == [
        ("VIC", origin, 3600 * (i + 1), i, i - 1, i + 1) for i in range(3)
    ]
    assert {(each.made_at, each.route, each.latency_us, each.features) for each in given} == {(origin, "forecast", 321, None)}
    assert {each.features_hash for each in given} == {bytes(range(32)).hex()}
    rows = stored(sql_url, "p")
    assert [(each.position, each.value) for each in rows] == [(i, float(i % 4)) for i in range(6)]
    assert [struct.unpack("<2d", each.features) for each in rows[:4]] == [(2 * i, 2 * i + 1) for i in range(4)]
    assert {(each.entity, each.origin, each.time, each.lead_seconds, each.lower) for each in rows} == {(None,) * 5}


def test_spool__find_gives_what_the_store_will_give(tmp_path, sql_url):
    down = "sqlite:////proc/none/state.db"  # nothing is moved meanwhile
    with_store_down = opened(tmp_path, down)
    for each in (forecast("f"), record("p", 3), record("other", usecase="churn")):
        with_store_down.keep(each)
    found = {name: with_store_down.find("demand", name) for name in ("f", "p", "other", "none")}
    assert with_store_down.find("churn", "other") != []
    with_store_down.close()
    # Left by a dead process, and then moved by the next one.
    keeper = opened(tmp_path, sql_url)
    until(lambda: not keeper.standing.pending_bytes)
    keeper.close()
    assert found == {name: stored(sql_url, name) for name in ("f", "p", "other", "none")}
    assert [len(each) for each in found.values()] == [3, 3, 0, 0]


def test_spool__the_service_imports_neither_sqlalchemy_nor_pandas():
    code = "import sys, services.keeping.keeper, services.keeping.spool; print({'sqlalchemy', 'pandas', 'sqlite3'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_mover__imports_neither_sqlalchemy_nor_pandas_nor_pydantic():
    code = "import sys, services.keeping.mover, services.keeping.sqlite_sink, services.keeping.postgresql_sink as p; print({'sqlalchemy', 'pandas', 'numpy', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
