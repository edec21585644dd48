"""A made-up panel of five entities that share their weather, and a use case of it."""

from datetime import timedelta

import numpy as np
import pandas as pd

from model_code.data.known import KnownHistory
from model_code.settings import Settings
from model_code.usecase import UseCaseSpec, load_usecase

ZONE = "America/Los_Angeles"
START, LEARNED = pd.Timestamp("2020-01-01", tz=ZONE), pd.Timestamp("2022-06-01", tz=ZONE)
NOW = pd.Timestamp("2022-08-15 03:00", tz=ZONE)
NAMES = ("A", "B", "C", "D", "E")


def panel() -> pd.DataFrame:
    """Hourly load of five entities (time index in UTC): their own size and day, one weather, two per cent of noise."""
    chance = np.random.default_rng(7)
    times = pd.date_range(START, NOW, freq="h", inclusive="left").tz_convert("UTC")
    local = times.tz_convert(ZONE)
    hour, day = local.hour.to_numpy(), (local.normalize().tz_localize(None) - pd.Timestamp("2020-01-01")).days.to_numpy()
    weather = np.repeat(np.cumsum(chance.normal(size=day.max() + 2)) * 0.02, 1)
    weather -= pd.Series(weather).rolling(15, min_periods=1, center=True).mean().to_numpy()
    table = {}
    for number, name in enumerate(NAMES):
        shape = np.exp(0.25 * np.sin((hour - 8 - 0.5 * number) * np.pi / 12) + 0.08 * np.sin((hour - number) * np.pi / 6))
        rest = np.where(local.dayofweek >= 5, 0.9, 1.0)
        noise = np.exp(chance.normal(scale=0.02, size=len(times)) + chance.normal(scale=0.015, size=day.max() + 2)[day])
        table[name] = 1000 * (1 + number) * shape * rest * np.exp((1 + 0.2 * number) * weather[day]) * noise
    return pd.DataFrame(table, index=times)


def panel_spec() -> UseCaseSpec:
    """Demand of these entities alone, every hour."""
    given = load_usecase("demand_us", Settings()).spec
    return given.model_copy(update={"entities": NAMES, "feeds": {"demand": given.feeds["demand"]}})


def known(spec: UseCaseSpec, loads: pd.DataFrame) -> KnownHistory:
    rows = loads.rename_axis(index="time", columns="entity").stack(future_stack=True).rename("demand").reset_index()
    rows["time"] = rows["time"].astype("datetime64[us, UTC]")
    return KnownHistory(spec, {"demand": rows.assign(known_at=rows["time"] + timedelta(hours=2))})


def last(table: pd.DataFrame, days: float = 14) -> pd.Index:
    midnight = pd.Timestamp(NOW.date(), tz=ZONE)
    return table.index[table.index >= midnight - timedelta(days=days)]
