"""Incidents of the perturbed world: what is told, when, and what stays true."""

import numpy as np
import pandas as pd
import pytest

from model_code.data.incidents import Misstated, Outage, Stuck
from model_code.data.pages import page
from model_code.data.world import World
from model_code.errors import ConfigurationError
from tests.source_cases import ELECDEMAND, usecase_with, utc

START, END = utc("2014-01-10"), utc("2014-01-12")
DELAY = pd.Timedelta("90min")
HOURS_48 = 96  # rows of two days, half-hourly


@pytest.fixture
def rows():
    time = pd.date_range("2014-01-01", periods=1000, freq="30min", tz="UTC")
    return page("VIC", time, time + DELAY, {"demand": np.linspace(3, 6, 1000)})


def told(incident, rows):
    return World(incidents=(incident,)).apply(rows, "demand")


def inside(rows):
    return ((rows["time"] >= START) & (rows["time"] < END)).to_numpy()


def test_outage__what_was_withheld_comes_when_it_ends(rows):
    found = told(Outage(feed="demand", start=START, end=END), rows)
    np.testing.assert_array_equal(found["demand"], rows["demand"])
    assert (found.loc[inside(found), "known_at"] >= END).all()
    pd.testing.assert_frame_equal(found[~inside(found)], rows[~inside(rows)])


def test_outage__what_is_never_told_is_lost(rows):
    found = told(Outage(feed="demand", start=START, end=END, backfilled=False), rows)
    assert len(rows) - len(found) == HOURS_48
    assert not inside(found).any()


def test_stuck__the_last_value_is_told_again_and_again(rows):
    found = told(Stuck(feed="demand", column="demand", start=START, end=END), rows)
    before = rows.loc[rows["time"] < START, "demand"].iloc[-1]
    assert (found.loc[inside(found), "demand"] == before).all()
    pd.testing.assert_frame_equal(found[~inside(found)], rows[~inside(rows)])


def test_misstated__is_wrong_first_and_corrected_later(rows):
    wrong = Misstated(feed="demand", column="demand", start=START, end=END, factor=1.1, corrected_after=pd.Timedelta("5D"))
    found = told(wrong, rows)
    assert len(found) == len(rows) + HOURS_48
    pairs = found[inside(found)].sort_values(["time", "known_at"])
    first, second = pairs.iloc[::2], pairs.iloc[1::2]
    np.testing.assert_allclose(first["demand"].to_numpy() / second["demand"].to_numpy(), 1.1)
    assert (second["known_at"].to_numpy() - first["known_at"].to_numpy() == np.timedelta64(5, "D")).all()
    np.testing.assert_array_equal(found.sort_values("known_at").groupby("time")["demand"].last(), rows["demand"])


def test_apply__leaves_other_feeds_alone(rows):
    incident = Outage(feed="demand", start=START, end=END)
    pd.testing.assert_frame_equal(World(incidents=(incident,)).apply(rows, "weather"), rows)


def test_check__refuses_an_incident_of_a_column_that_there_is_not():
    world = World.model_validate(
        {"incidents": [{"kind": "stuck", "feed": "demand", "column": "wind", "start": START, "end": END}]}
    )
    with pytest.raises(ConfigurationError, match=r"stuck of demand\.wind"):
        world.check(usecase_with(ELECDEMAND).spec)
