"""The EIA client against a local API that speaks its wire format."""

import numpy as np
import pandas as pd
import pytest

from model_code.data.eia import Eia
from model_code.data.fakes import FakeEia
from model_code.data.http import Http, Limits
from model_code.errors import ConfigurationError, SourceChanged, SourceRefused, SourceUnavailable
from model_code.settings import Settings
from tests.source_cases import gather, hours, usecase_with, utc

SUBREGIONS = {
    "kind": "eia",
    "route": "region-sub-ba-data",
    "codes": {"PGAE": "CISO/PGAE", "SCE": "CISO/SCE", "BOSTON": "ISNE/4008"},
}
HOURS = hours("2024-01-01", 100)


@pytest.fixture
def fake():
    codes = ("CISO/PGAE", "CISO/SCE", "CISO/VEA", "ISNE/4008", "ISNE/SCE", "CISO", "CISO:DF")
    with FakeEia({code: pd.Series(np.arange(100.0) + 1000 * n, HOURS) for n, code in enumerate(codes)}) as running:
        yield running


def source(fake, *, key=None, sleeps=None, **spec):
    usecase = usecase_with({**SUBREGIONS, **spec})
    settings = Settings(eia_url=fake.url, eia_api_key=fake.key if key is None else key)
    http = Http(fake.url, Limits(timeout=5.0), sleep=(sleeps if sleeps is not None else []).append)
    return Eia(usecase, "load", settings, http=None if key is not None else http)


def fetch(made, start="2024-01-01", end="2024-02-01", now="2024-06-01", entities=()):
    return gather(made.fetch(utc(start), utc(end), utc(now), entities))


def test_fetch__time_is_the_start_of_the_hour_that_eia_stamps_at_its_end(fake):
    rows = fetch(source(fake), "2024-01-01T05:00", "2024-01-01T07:00", entities=["SCE"])

    assert rows["time"].tolist() == [utc("2024-01-01T05:00"), utc("2024-01-01T06:00")]
    assert rows["demand"].tolist() == [1005.0, 1006.0]
    ((path, query),) = fake.requests
    assert path == "/v2/electricity/rto/region-sub-ba-data/data/"
    assert (query["start"], query["end"]) == (["2024-01-01T06"], ["2024-01-01T07"])


def test_fetch__a_range_between_full_hours(fake):
    rows = fetch(source(fake), "2024-01-01T05:10", "2024-01-01T06:30", entities=["SCE"])

    assert rows["time"].tolist() == [utc("2024-01-01T06:00")]


def test_fetch__takes_only_the_wanted_pairs_of_parent_and_subregion(fake):
    rows = fetch(source(fake))

    first = rows.groupby("entity")["demand"].min()
    assert first.to_dict() == {"BOSTON": 3000.0, "PGAE": 0.0, "SCE": 1000.0}


def test_fetch__an_hour_is_not_told_before_it_has_ended(fake):
    rows = fetch(source(fake), now="2024-01-02T10:59", entities=["SCE"])

    assert rows["time"].max() == utc("2024-01-02T09:00")


def test_fetch__the_day_ahead_forecast_reaches_into_the_future(fake):
    made = source(fake, route="region-data", series="DF", codes={"CA": "CISO"})

    rows = fetch(made, now="2024-01-02T10:59")

    assert rows["time"].max() == HOURS[-1]
    assert rows["demand"].min() == 6000.0
    assert fake.requests[0][1]["facets[type][]"] == ["DF"]


def test_fetch__reads_page_after_page(fake):
    fake.page_rows = 37

    rows = fetch(source(fake), entities=["PGAE", "SCE"])

    assert [query["offset"] for _, query in fake.requests] == [["0"], ["37"], ["74"], ["111"], ["148"], ["185"]]
    assert len(rows) == 200
    assert not rows.duplicated(["entity", "time"]).any()


def test_fetch__keeps_nulls_and_doubles_for_the_validation(fake):
    odd = pd.Series([1.0, np.nan, 3.0, 3.0], HOURS[[0, 1, 2, 2]])
    fake.set_series({"CISO/SCE": odd})

    rows = fetch(source(fake), entities=["SCE"])

    np.testing.assert_array_equal(rows["demand"], [1.0, np.nan, 3.0, 3.0])
    assert rows["known_at"].isna().all()


def test_fetch__nothing_in_the_range_is_no_row_and_no_error(fake):
    assert len(fetch(source(fake), "2030-01-01", "2030-02-01", now="2031-01-01")) == 0
    assert len(fake.requests) == 1


def test_fetch__asks_nothing_for_a_future_range(fake):
    assert len(fetch(source(fake), "2024-07-01", "2024-08-01")) == 0
    assert fake.requests == []


@pytest.mark.parametrize("key", ["", "wrong"])
def test_fetch__a_missing_or_wrong_key_names_the_setting(fake, key):
    with pytest.raises(SourceRefused, match="EVENKEEL_EIA_API_KEY") as refused:
        fetch(source(fake, key=key))

    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ("html", "no JSON but text/html"),
        ("truncated", "no JSON"),
        ("schema_changed", "'value'"),
        ("empty_page", "empty page at row 37 of 100"),
    ],
)
def test_fetch__yields_the_pages_before_a_broken_one(fake, failure, told):
    fake.page_rows = 37
    pages = source(fake).fetch(utc("2024-01-01"), utc("2024-02-01"), utc("2024-06-01"), ["SCE"])

    assert len(next(pages)) == 37
    fake.fail_next(failure)
    with pytest.raises(SourceChanged, match=told):
        next(pages)


def test_fetch__survives_what_passes(fake):
    sleeps = []
    fake.fail_next(status=429, retry_after=3)
    fake.fail_next(status=500)
    fake.fail_next("cut")

    assert len(fetch(source(fake, sleeps=sleeps), entities=["SCE"])) == 100
    assert len(sleeps) == 3


def test_fetch__gives_up_on_what_does_not(fake):
    fake.fail_next(status=500, times=9)

    with pytest.raises(SourceUnavailable, match="answered 500"):
        fetch(source(fake))


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"response": {"data": [], "total": "many"}},
        {"response": {"data": {}, "total": "1"}},
        {"response": {"data": ["x"], "total": "1"}},
        {"response": {"data": [{"period": "2024-01-01T01", "parent": "CISO", "subba": "SCE", "value": "n/a"}], "total": 1}},
        {"response": {"data": [{"period": "2024-01-01", "parent": "CISO", "subba": "SCE", "value": "1"}], "total": 1}},
        {
            "response": {
                "data": [
                    {"period": "2024-01-01T01", "parent": "CISO", "subba": "SCE", "value": "1", "value-units": "gigawatthours"}
                ],
                "total": 1,
            }
        },
    ],
    ids=["no-response", "list", "total", "data", "row", "value", "period", "units"],
)
def test_fetch__refuses_another_schema(fake, body, monkeypatch):
    monkeypatch.setattr(fake, "answer", lambda path, query: type(fake.refusal())(200, body))

    with pytest.raises(SourceChanged, match="EIA region-sub-ba-data"):
        fetch(source(fake))


@pytest.mark.parametrize(
    "spec",
    [
        {"codes": {"PGAE": "PGAE"}},
        {"codes": {"PGAE": "CISO/"}},
        {"route": "region-data", "codes": {"CA": "CISO/PGAE"}},
        {"series": "DF"},
    ],
)
def test_eia__refuses_a_code_that_does_not_suit_the_route(fake, spec):
    with pytest.raises(ConfigurationError, match="EIA"):
        source(fake, **spec)
