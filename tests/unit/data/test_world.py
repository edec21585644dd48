"""The perturbed world: seeded, independent of how a range is cut, and healed by its own corrections."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.data.pages import page
from model_code.data.world import Imperfections, World
from model_code.errors import ConfigurationError
from tests.source_cases import ELECDEMAND, usecase_with, utc

ALL = {"late": 0.02, "sentinel": 0.02, "spike": 0.02, "revised": 0.05, "duplicated": 0.02}


@pytest.fixture
def rows():
    time = pd.date_range("2014-01-01", periods=3000, freq="30min", tz="UTC")
    return page("VIC", time, time + pd.Timedelta("90min"), {"demand": np.linspace(3, 6, 3000)})


def world(seed=7, shifts=(), **imperfections):
    return World.model_validate({"seed": seed, "imperfections": imperfections, "level_shifts": list(shifts)})


def latest(rows):
    return rows.sort_values("known_at").groupby("time")["demand"].last().to_numpy()


def test_apply__leaves_the_data_as_they_are_by_default(rows):
    pd.testing.assert_frame_equal(World.load(None).apply(rows, "demand"), rows)


def test_apply__does_not_depend_on_how_the_range_is_cut(rows):
    whole = world(**ALL).apply(rows, "demand")
    cut = pd.concat([world(**ALL).apply(part, "demand") for part in (rows[:1], rows[1:1234], rows[1234:])])

    pd.testing.assert_frame_equal(whole, cut.reset_index(drop=True))


@pytest.mark.parametrize("other", [world(8, **ALL).apply, lambda rows, feed: world(7, **ALL).apply(rows, "weather")])
def test_apply__depends_on_seed_and_feed(rows, other):
    assert len(world(**ALL).apply(rows, "demand").merge(other(rows, "demand"))) < 0.95 * len(rows)


def test_apply__corrections_restore_every_value(rows):
    published = world(**ALL).apply(rows, "demand")

    np.testing.assert_array_equal(latest(published), rows["demand"].to_numpy())
    assert not np.array_equal(published.groupby("time")["demand"].first(), rows["demand"])


def test_apply__late_rows_come_within_their_bound(rows):
    published = world(late=0.1, late_by="P1D").apply(rows, "demand")
    lateness = published["known_at"] - published["time"] - pd.Timedelta("90min")

    late = lateness[lateness > pd.Timedelta(0)]
    assert 200 < len(late) < 400
    assert late.min() >= pd.Timedelta("2.4h").floor("min")
    assert late.max() <= pd.Timedelta("1D")
    np.testing.assert_array_equal(published.sort_values("time")["demand"], rows["demand"])


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("sentinel", lambda first, true: first == -200),
        ("spike", lambda first, true: np.isclose(first, 10 * true)),
        ("revised", lambda first, true: (np.abs(first / true - 1) >= 0.0099) & (np.abs(first / true - 1) <= 0.0201)),
    ],
)
def test_apply__publishes_wrong_first_and_corrects_after_a_day(rows, kind, wrong):
    published = world(**{kind: 0.1}).apply(rows, "demand")
    twice = published[published.duplicated("time", keep=False)]
    first, second = twice.iloc[::2], twice.iloc[1::2]

    assert 200 < len(first) < 400
    assert wrong(first["demand"].to_numpy(), second["demand"].to_numpy()).all()
    assert (second["known_at"].to_numpy() - first["known_at"].to_numpy() == np.timedelta64(1, "D")).all()


def test_apply__duplicates_are_exact(rows):
    published = world(duplicated=0.1).apply(rows, "demand")

    assert 3200 < len(published) < 3400
    pd.testing.assert_frame_equal(published.drop_duplicates(ignore_index=True), rows)


def test_apply__shifts_the_level_from_a_moment_on(rows):
    shift = {"feed": "demand", "column": "demand", "start": "2014-01-10T00:00:00Z", "end": "2014-01-20T00:00:00Z", "factor": 1.1}
    shifted = world(shifts=[shift]).apply(rows, "demand")

    inside = ((rows["time"] >= utc("2014-01-10")) & (rows["time"] < utc("2014-01-20"))).to_numpy()
    np.testing.assert_allclose(shifted["demand"] / rows["demand"], np.where(inside, 1.1, 1.0))
    pd.testing.assert_frame_equal(world(shifts=[shift]).apply(rows, "weather"), rows)


def test_check__refuses_a_shift_of_nothing():
    usecase = usecase_with(ELECDEMAND)
    shift = {"feed": "load", "column": "demnad", "start": "2014-01-10T00:00:00Z", "factor": 1.1}

    with pytest.raises(ConfigurationError, match=r"load\.demnad"):
        world(shifts=[shift]).check(usecase.spec)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        json.dumps({"sed": 1}),
        json.dumps({"imperfections": {"late": 0.9}}),
        json.dumps({"imperfections": {"late": 0.2, "sentinel": 0.2, "spike": 0.2}}),
        json.dumps({"level_shifts": [{"feed": "demand", "column": "demand", "start": "2014-01-10T00:00:00", "factor": 1.1}]}),
    ],
    ids=["no-json", "misspelt", "too-many", "too-many-together", "naive-time"],
)
def test_load__refuses_a_wrong_file(tmp_path, content):
    path = tmp_path / "world.json"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"world\.json"):
        World.load(path)


def test_load__refuses_an_absent_file(tmp_path):
    with pytest.raises(ConfigurationError, match=r"world\.json"):
        World.load(tmp_path / "world.json")


def test_world__the_example_of_the_documentation_is_one():
    text = (Path(__file__).parents[3] / "docs" / "sources.md").read_text()

    example = World.model_validate_json(text.split("```json\n")[1].split("```")[0])

    assert example.perturbs
    for name in Imperfections.model_fields:
        assert f"`{name}`" in text or f'"{name}"' in text, f"docs/sources.md does not tell of {name}"
