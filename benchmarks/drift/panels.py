"""The panels: hourly demand of areas by local day, screened, with the weather of their cities where there is some."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import holidays
import numpy as np
import pandas as pd

from benchmarks.drift.registered import Part
from model_code.faults.grid import DayGrid
from model_code.weather_day import COOLED_ABOVE, HEATED_BELOW, HOT_ABOVE

BELIEVED = ("OKAY", "UNSCREENED")
SPIKE_LOW, SPIKE_HIGH, AROUND = 0.4, 2.5, 49
SAMPLES = 6
PACIFIC, CENTRAL, EASTERN = "America/Los_Angeles", "America/Chicago", "America/New_York"
ZONES = {"isne": EASTERN, "erco": CENTRAL, "ciso": PACIFIC, "nyiso": EASTERN}
PLACES = {  # balancing authority -> its zone, its cities
    "AZPS": ("America/Phoenix", ("phoenix_az",)),
    "BANC": (PACIFIC, ("sacramento_ca",)),
    "BPAT": (PACIFIC, ("portland_or", "seattle_wa", "spokane_wa")),
    "DUK": (EASTERN, ("charlotte_nc",)),
    "FPL": (EASTERN, ("miami_fl",)),
    "LDWP": (PACIFIC, ("los_angeles_ca",)),
    "MISO": (CENTRAL, ("minneapolis_mn", "indianapolis_in", "detroit_mi", "st_louis_mo", "new_orleans_la")),
    "NEVP": (PACIFIC, ("las_vegas_nv",)),
    "PGE": (PACIFIC, ("portland_or",)),
    "PJM": (
        EASTERN,
        (
            "philadelphia_pa",
            "pittsburgh_pa",
            "chicago_il",
            "newark_nj",
            "baltimore_md",
            "washington_dc",
            "richmond_va",
            "norfolk_va",
        ),
    ),
    "PSCO": ("America/Denver", ("denver_co",)),
    "SCL": (PACIFIC, ("seattle_wa",)),
    "SWPP": (CENTRAL, ("oklahoma_city_ok", "kansas_city_mo", "omaha_ne")),
    "TVA": (CENTRAL, ("nashville_tn", "memphis_tn")),
}


@dataclass(frozen=True)
class Panel:
    """Areas that are judged together; conditions (D, C, k) are the holiday and the weather of each day."""

    name: str
    grid: DayGrid
    conditions: np.ndarray


def shared() -> Path:
    """The folder with the data.

    Raises:
        SystemExit: TEST_SHARED names none.
    """
    folder = Path(os.environ.get("TEST_SHARED", "/nowhere")) / "data"
    if not (folder / "nyiso").is_dir():
        raise SystemExit("no data: TEST_SHARED must name the folder that has data/nyiso, data/eia930 and data/weather_us_6h")
    return folder


def load(part: Part) -> Panel:
    """Read, screen and arrange one panel."""
    authorities = part.panel.startswith("ba_")
    hours = {area: _hours(part.panel, area) for area in part.areas}
    zones = {area: PLACES[area][0] if authorities else ZONES[part.panel] for area in part.areas}
    tables = {area: _by_day(_screened(values), zones[area]) for area, values in hours.items()}
    first, last = min(table.index[0] for table in tables.values()), max(table.index[-1] for table in tables.values())
    days = pd.date_range(first, last)
    values = np.stack([table.reindex(days).to_numpy() for table in tables.values()], axis=2)
    flat = pd.DataFrame(values.reshape(-1, len(part.areas))).interpolate(limit=3, limit_area="inside")
    free = np.array([day in _free_days() for day in days.date], dtype=float)
    told = [np.column_stack([free, *([_weather(PLACES[area][1], days)] if authorities else [])]) for area in part.areas]
    grid = DayGrid(days.to_numpy().astype("datetime64[D]"), part.areas, flat.to_numpy().reshape(values.shape))
    return Panel(part.panel, grid, np.stack(told, axis=1))


@cache
def _free_days() -> holidays.HolidayBase:
    return holidays.country_holidays("US")


@cache
def _nyiso() -> pd.DataFrame:
    file = shared() / "nyiso" / "nyiso_actual_load_hourly_2005_2020.csv.gz"
    return pd.read_csv(file, index_col="hour_beginning_utc", parse_dates=True)


def _hours(panel: str, area: str) -> pd.Series:
    """Demand by hour beginning (UTC); NaN where it is not believed."""
    if panel == "nyiso":
        table = _nyiso()
        values = table[area].where(table["n_samples"] >= SAMPLES)
        values.index = values.index.tz_localize("UTC")
        return values
    folder = "ba" if panel.startswith("ba_") else "subba"
    table = pd.read_csv(shared() / "eia930" / folder / f"{area}.csv.gz", index_col="period_utc", parse_dates=True)
    values = table["demand_mw"].where(table["category"].isin(BELIEVED))
    values.index = values.index.tz_localize("UTC") - pd.Timedelta(hours=1)  # the EIA stamps the end of an hour
    return values


def _screened(values: pd.Series) -> pd.Series:
    positive = values.where(values > 0)
    around = positive.rolling(AROUND, center=True, min_periods=AROUND // 4).median()
    return positive.where((positive > SPIKE_LOW * around) & (positive < SPIKE_HIGH * around))


def _by_day(values: pd.Series, zone: str) -> pd.DataFrame:
    local = pd.DatetimeIndex(values.index).tz_convert(zone)
    table = values.groupby([local.normalize().tz_localize(None), local.hour]).mean().unstack()
    return table.reindex(pd.date_range(table.index[0], table.index[-1]))


@cache
def _cities() -> pd.DataFrame:
    file = shared() / "weather_us_6h" / "us_cities_weather_6h_2015_2020.csv.gz"
    columns = ["city", "time_local", "tempC", "DewPointC", "cloudcover"]
    return pd.read_csv(file, usecols=columns, parse_dates=["time_local"]).set_index("time_local")


def _weather(cities: tuple[str, ...], days: pd.DatetimeIndex) -> np.ndarray:
    """Mean over an area's cities of each day's heating, cooling, heat, damp heat, cloud, cool night, and the day before's (D, 8)."""
    table = _cities()
    return np.mean([_weather_of(table[table["city"] == city], days) for city in cities], axis=0)


def _weather_of(city: pd.DataFrame, days: pd.DatetimeIndex) -> np.ndarray:
    if city.empty:
        raise SystemExit("a city of the panels is not in the weather file")
    warm = city["tempC"]
    hourly = pd.DataFrame(
        {
            "heating": (HEATED_BELOW - warm).clip(lower=0),
            "cooling": (warm - COOLED_ABOVE).clip(lower=0),
            "hot": (warm - HOT_ABOVE - 3).clip(lower=0),
            "damp": (city["DewPointC"] - 14.0).clip(lower=0),
            "cloud": city["cloudcover"] / 100.0,
        }
    )
    daily = hourly.resample("D").mean().reindex(days)
    night = hourly["cooling"][hourly.index.hour == 0]
    daily["night"] = night.set_axis(night.index.normalize()).reindex(days)
    daily["heating_before"], daily["cooling_before"] = daily["heating"].shift(1), daily["cooling"].shift(1)
    return daily.ffill().bfill().to_numpy()
