"""The Open-Meteo client against a local service that speaks its wire format."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from model_code.data.fakes import FakeOpenMeteo
from model_code.data.http import Http, Limits
from model_code.data.open_meteo import OpenMeteo
from model_code.errors import SourceChanged, SourceRefused
from model_code.settings import Settings
from tests.source_cases import gather, hours, usecase_with, utc

POINTS = {"NORTH": (52.52, 13.41), "SOUTH": (-33.87, 151.21)}
HOURS = hours("2024-01-01", 24 * 20)


def frame(offset):
    return pd.DataFrame(
        {
            "temperature_2m": np.arange(480.0) + offset,
            "temperature_2m_previous_day1": np.arange(480.0) + offset + 0.5,
            "temperature_2m_previous_day2": np.arange(480.0) + offset + 0.25,
        },
        HOURS,
    )


@pytest.fixture
def fake():
    weather = {point: frame(1000 * number) for number, point in enumerate(POINTS.values())}
    with FakeOpenMeteo(weather, today=date(2024, 1, 3)) as running:
        yield running


def source(fake, product="previous_runs", *, columns=None, points=None, **feed):
    spec = {"kind": "open_meteo", "product": product, "points": points or POINTS, "lead_days": feed.pop("lead_days", 1)}
    usecase = usecase_with({**spec, "columns": columns or {"temperature": "temperature_2m"}}, column="temperature", **feed)
    http = Http(fake.url, Limits(timeout=5.0), sleep=lambda seconds: None)
    return OpenMeteo(usecase, "load", Settings(), http=http)


def fetch(made, start="2024-01-01", end="2024-01-20", now="2024-01-03T12:00", entities=()):
    return gather(made.fetch(utc(start), utc(end), utc(now), entities))


def test_fetch__previous_runs_were_known_when_they_were_forecast(fake):
    rows = fetch(source(fake), entities=["NORTH"])

    assert (rows["time"] - rows["known_at"] == pd.Timedelta(days=1)).all()
    assert rows["time"].max() == utc("2024-01-04T12:00")
    assert rows["temperature"].tolist() == (np.arange(85) + 0.5).tolist()
    assert fake.requests[0][1]["hourly"] == ["temperature_2m_previous_day1"]


def test_fetch__previous_runs_with_another_lead_and_a_delay(fake):
    rows = fetch(source(fake, lead_days=2, publication_delay="PT12H"), entities=["NORTH"])

    assert (rows["time"] - rows["known_at"] == pd.Timedelta(hours=36)).all()
    assert rows["known_at"].max() == utc("2024-01-03T12:00")
    assert rows["temperature"].iloc[0] == 0.25


def test_fetch__a_forecast_is_known_now_and_ends_where_the_service_ends(fake):
    rows = fetch(source(fake, "forecast"), "2024-01-03", "2024-03-01", entities=["SOUTH"])

    assert (rows["known_at"] == utc("2024-01-03T12:00")).all()
    assert rows["time"].max() == utc("2024-01-18T23:00")
    assert fake.requests[0][1]["end_date"] == ["2024-01-18"]


def test_fetch__the_archive_tells_no_known_at_and_no_future(fake):
    rows = fetch(source(fake, "archive"))

    assert rows["known_at"].isna().all()
    assert rows["time"].max() == utc("2024-01-03T11:00")
    assert fake.requests[0][0] == "/v1/archive"


@pytest.mark.parametrize("wanted", [["NORTH"], ["SOUTH"], ["NORTH", "SOUTH"]])
def test_fetch__one_call_for_several_points(fake, wanted):
    rows = fetch(source(fake), entities=wanted)

    assert len(fake.requests) == 1
    first = rows.groupby("entity")["temperature"].first().to_dict()
    assert first == {name: {"NORTH": 0.5, "SOUTH": 1000.5}[name] for name in wanted}


def test_fetch__hours_without_a_value_are_left_out(fake):
    fake.weather[POINTS["NORTH"]].iloc[5:8] = np.nan

    rows = fetch(source(fake), entities=["NORTH"])

    assert len(rows) == 85 - 3
    assert utc("2024-01-01T05:00") not in set(rows["time"])


def test_fetch__an_hour_with_a_part_of_its_values_stays(fake):
    for weather in fake.weather.values():
        weather["wind_speed_10m"] = 3.0
    fake.weather[POINTS["NORTH"]].loc[HOURS[5], "temperature_2m"] = np.nan
    columns = {"temperature": "temperature_2m", "wind": "wind_speed_10m"}
    made = source(fake, "archive", columns=columns)

    row = fetch(made, entities=["NORTH"]).set_index("time").loc[HOURS[5]]

    assert np.isnan(row["temperature"])
    assert row["wind"] == 3.0


def test_fetch__a_long_range_goes_in_several_calls(fake):
    rows = fetch(source(fake, "archive"), "2023-06-01", "2024-01-20", entities=["NORTH"])

    assert [query["start_date"][0] for _, query in fake.requests] == ["2023-06-01", "2023-08-31", "2023-11-30"]
    assert len(rows) == 60


@pytest.mark.parametrize(("failure", "told"), [("html", "no JSON"), ("truncated", "no JSON"), ("schema_changed", "'hourly'")])
def test_fetch__refuses_another_form(fake, failure, told):
    fake.fail_next(failure)

    with pytest.raises(SourceChanged, match=told):
        fetch(source(fake))


def test_fetch__an_answer_without_hours_is_no_row(fake):
    fake.fail_next("empty_page")

    assert len(fetch(source(fake))) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda body: body[:1], "1 answers for 2 points"),
        (lambda body: body[::-1], "degrees away"),
        (lambda body: [{**one, "utc_offset_seconds": 3600} for one in body], "Unix seconds, GMT"),
        (lambda body: [{**one, "hourly_units": {"time": "iso8601"}} for one in body], "Unix seconds, GMT"),
        (lambda body: [{**one, "hourly": {**one["hourly"], "time": [0]}} for one in body], "not understood"),
        (lambda body: ["x", "y"], "not understood"),
    ],
    ids=["too-few", "swapped", "offset", "iso", "lengths", "text"],
)
def test_fetch__refuses_an_answer_that_is_not_what_was_asked(fake, change, told, monkeypatch):
    right = fake.answer
    monkeypatch.setattr(fake, "answer", lambda path, query: type(fake.refusal())(200, change(right(path, query).body)))

    with pytest.raises(SourceChanged, match=told):
        fetch(source(fake))


def test_fetch__tells_why_the_service_refused(fake):
    with pytest.raises(SourceRefused, match="invalid String value no_such_thing_previous_day1"):
        fetch(source(fake, columns={"temperature": "no_such_thing"}))


def test_fetch__keeps_the_rate_limit_by_points_and_weeks(fake):
    sleeps = []
    made = source(fake, "archive")
    made._http = Http(fake.url, Limits(pace=0.1), sleep=sleeps.append, clock=lambda: 0.0)

    fetch(made, "2023-08-01", "2024-01-01")

    assert sleeps == [pytest.approx(0.1 * 2 * 91 / 14)]
