"""One suite that every source passes: what `model_code.data.source.Source` promises."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.data.fakes import FakeEia, FakeOpenMeteo
from model_code.data.source import Source
from model_code.data.sources import make_source
from model_code.errors import ConfigurationError, SourceRefused
from model_code.settings import Settings
from tests.source_cases import ELECDEMAND, gather, hours, usecase_with, utc

HOURS = hours("2014-02-01", 24 * 12)
NOW = utc("2014-02-08T10:20")
POINTS = {"A": (37.3, -121.9), "B": (34.0, -117.9)}


@dataclass(frozen=True)
class Case:
    """A source over 2014-02-01..12, its entities, and whether it may tell of the future."""

    make: Callable[[], Source]
    entities: tuple[str, ...]
    column: str
    forecasts: bool = False


def embedded(folder: Path, stack: ExitStack, *, world: Path | None = None) -> Case:
    usecase = usecase_with(ELECDEMAND, entities=["VIC"], step="PT30M", publication_delay="PT1H")
    settings = Settings(home=folder, world_file=world)
    return Case(lambda: make_source(usecase, "load", settings), ("VIC",), "demand")


def perturbed(folder: Path, stack: ExitStack) -> Case:
    path = folder / "world.json"
    path.write_text(
        '{"seed": 3, "imperfections": {"late": 0.1, "sentinel": 0.1, "spike": 0.1, "revised": 0.1, "duplicated": 0.1}}'
    )
    return embedded(folder, stack, world=path)


def files(folder: Path, stack: ExitStack) -> Case:
    for entity in "AB":
        stamps = HOURS.strftime("%Y-%m-%dT%H:%M:%SZ")
        frame = pd.DataFrame({"time": stamps, "zone": entity, "MW": np.arange(len(HOURS))})
        frame.to_csv(folder / f"{entity}.csv", index=False)
    spec = {"kind": "files", "path": ".", "pattern": "*.csv", "entity_column": "zone", "columns": {"demand": "MW"}}
    usecase = usecase_with(spec, entities=["A", "B"], folder=folder)
    return Case(lambda: make_source(usecase, "load", Settings(home=folder)), ("A", "B"), "demand")


def eia(folder: Path, stack: ExitStack) -> Case:
    series = {code: pd.Series(np.arange(float(len(HOURS))), HOURS) for code in ("CISO/A", "CISO/B", "CISO/C")}
    fake = stack.enter_context(FakeEia(series, page_rows=200))
    spec = {"kind": "eia", "route": "region-sub-ba-data", "codes": {"A": "CISO/A", "B": "CISO/B"}}
    settings = Settings(home=folder, eia_url=fake.url, eia_api_key=fake.key)
    return Case(lambda: make_source(usecase_with(spec), "load", settings), ("A", "B"), "demand")


def day_ahead(folder: Path, stack: ExitStack) -> Case:
    fake = stack.enter_context(FakeEia({"CISO:DF": pd.Series(np.arange(float(len(HOURS))), HOURS)}))
    spec = {"kind": "eia", "route": "region-data", "series": "DF", "codes": {"CA": "CISO"}}
    settings = Settings(home=folder, eia_url=fake.url, eia_api_key=fake.key)
    return Case(lambda: make_source(usecase_with(spec), "load", settings), ("CA",), "demand", forecasts=True)


def weather(product: str) -> Callable[[Path, ExitStack], Case]:
    def build(folder: Path, stack: ExitStack) -> Case:
        names = ("temperature_2m", "temperature_2m_previous_day1")
        frame = pd.DataFrame({name: np.arange(float(len(HOURS))) for name in names}, HOURS)
        fake = stack.enter_context(FakeOpenMeteo(dict.fromkeys(POINTS.values(), frame), today=NOW.date()))
        columns = {"temperature": "temperature_2m"}
        spec = {"kind": "open_meteo", "product": product, "points": POINTS, "columns": columns}
        usecase = usecase_with(spec, column="temperature")
        urls = {f"open_meteo_{name}_url": fake.url for name in ("forecast", "archive", "previous")}
        settings = Settings(home=folder, **urls)
        return Case(lambda: make_source(usecase, "load", settings), ("A", "B"), "temperature", product != "archive")

    return build


def from_folder(folder: Path, stack: ExitStack) -> Case:
    (folder / "source.py").write_text(
        "from model_code.data.files import DataFiles\n\n\n"
        "def make_source(feed_name, usecase, settings):\n"
        "    feed = usecase.spec.feeds[feed_name].model_copy(update={'source': usecase.spec.feeds['csv'].source})\n"
        "    feeds = {**usecase.spec.feeds, feed_name: feed}\n"
        "    changed = type(usecase)(usecase.spec.model_copy(update={'feeds': feeds}), usecase.folder)\n"
        "    return DataFiles(changed, feed_name, settings)\n"
    )
    files(folder, stack)
    spec = {"kind": "files", "path": ".", "pattern": "*.csv", "entity_column": "zone", "columns": {"demand": "MW"}}
    usecase = usecase_with({"kind": "python"}, entities=["A", "B"], folder=folder)
    feeds = {**usecase.spec.feeds, "csv": usecase_with(spec, entities=["A", "B"]).spec.feeds["load"]}
    whole = type(usecase)(usecase.spec.model_copy(update={"feeds": feeds}), folder)
    return Case(lambda: make_source(whole, "load", Settings(home=folder)), ("A", "B"), "demand")


CASES: dict[str, Callable[[Path, ExitStack], Case]] = {
    "embedded": embedded,
    "perturbed": perturbed,
    "files": files,
    "eia": eia,
    "eia-day-ahead": day_ahead,
    "open-meteo-forecast": weather("forecast"),
    "open-meteo-archive": weather("archive"),
    "open-meteo-previous-runs": weather("previous_runs"),
    "python": from_folder,
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with ExitStack() as stack:
        yield CASES[request.param](tmp_path_factory.mktemp("source"), stack)


def fetch(case: Case, start: str = "2014-02-03T05:00", end: str = "2014-02-09", entities: tuple[str, ...] = ()) -> pd.DataFrame:
    return gather(case.make().fetch(utc(start), utc(end), NOW, entities))


def test_fetch__pages_are_observation_frames(case):
    pages = list(case.make().fetch(utc("2014-02-03"), utc("2014-02-09"), NOW, []))

    assert pages
    for page in pages:
        assert list(page.columns) == ["entity", "time", "known_at", case.column]
        assert page.dtypes.astype(str).tolist() == ["object", "datetime64[us, UTC]", "datetime64[us, UTC]", "float64"]
        assert isinstance(page.index, pd.RangeIndex)
        assert len(page) > 0
        assert page["entity"].map(type).eq(str).all()


def test_fetch__brings_the_whole_range_and_nothing_else(case):
    rows = fetch(case)

    assert rows["time"].min() == utc("2014-02-03T05:00")
    assert rows["time"].max() < utc("2014-02-09")
    assert set(rows["entity"]) == set(case.entities)
    hourly = rows[rows["time"] == rows["time"].dt.floor("h")].drop_duplicates(["entity", "time"])
    assert len(hourly) > 0.9 * len(case.entities) * 24 * 5


def test_fetch__tells_nothing_that_was_not_known(case):
    rows = fetch(case)

    assert not (rows["known_at"] > NOW).any()
    assert (rows["time"].max() > NOW) == case.forecasts


def test_fetch__answers_the_same_when_asked_again(case):
    source = case.make()
    again = gather(source.fetch(utc("2014-02-03T05:00"), utc("2014-02-09"), NOW, []))

    pd.testing.assert_frame_equal(fetch(case), again)
    pd.testing.assert_frame_equal(gather(source.fetch(utc("2014-02-03T05:00"), utc("2014-02-09"), NOW, [])), again)


@pytest.mark.parametrize("cut", ["2014-02-03T05:30", "2014-02-05T13:00", "2014-02-08T11:00"])
def test_fetch__a_range_cut_in_two_gives_the_same_rows(case, cut):
    parts = [part for part in (fetch(case, end=cut), fetch(case, start=cut)) if len(part)]

    pd.testing.assert_frame_equal(gather(parts), fetch(case))


def test_fetch__only_the_wanted_entity(case):
    rows = fetch(case, entities=case.entities[:1])

    everything = fetch(case)
    expected = everything[everything["entity"] == case.entities[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected)


def test_fetch__an_unknown_entity_is_refused(case):
    with pytest.raises(SourceRefused, match="unknown entity NOWHERE"):
        fetch(case, entities=("NOWHERE",))


@pytest.mark.parametrize(("start", "end"), [("2014-02-05", "2014-02-05"), ("2014-02-06", "2014-02-05")])
def test_fetch__an_empty_range_gives_nothing(case, start, end):
    assert list(case.make().fetch(utc(start), utc(end), NOW, [])) == []


def test_fetch__a_range_without_data_gives_nothing(case):
    assert list(case.make().fetch(utc("2010-02-05"), utc("2010-02-06"), NOW, [])) == []


def test_fetch__takes_times_of_any_zone(case):
    here = gather(
        case.make().fetch(
            pd.Timestamp("2014-02-03T15:00+10:00").to_pydatetime(),
            pd.Timestamp("2014-02-08T16:00-08:00").to_pydatetime(),
            NOW.tz_convert("Asia/Kolkata").to_pydatetime(),
            [],
        )
    )

    pd.testing.assert_frame_equal(here, fetch(case))


def test_make_source__names_an_unknown_feed(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no feed 'laod' \(it has: load\)"):
        make_source(usecase_with(ELECDEMAND), "laod", Settings(home=tmp_path))


def test_make_source__names_a_source_file_without_make_source(tmp_path):
    (tmp_path / "source.py").write_text("")

    with pytest.raises(ConfigurationError, match="has no make_source"):
        make_source(usecase_with({"kind": "python"}, folder=tmp_path), "load", Settings(home=tmp_path))
