"""The drills: what each puts into the world, its date and size drawn from a seed."""

import zlib
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from flows.demo.scenario import COLD, HOLIDAY, BadRelease, Scenario
from flows.drill.script import DAY, LOOK_AT, Script
from model_code.data.incidents import Incident, Misstated, Outage, Stuck
from model_code.data.world import LevelShift, World

Chance = np.random.Generator
DEMAND, TEMPERATURE = ("demand", "demand"), ("weather", "temperature")


def draw(name: str, seed: int) -> Script:
    """The script of a drill; the same name and seed give the same.

    Raises:
        KeyError: No such drill.
    """
    return DRAWS[name](np.random.default_rng([seed, zlib.crc32(name.encode())]), seed)


def _bad_release(chance: Chance, seed: int) -> Script:
    begin, scale = _day(chance, "07-10", "10-20"), _off(chance, 0.15, 0.4)
    story = f"an operator forces a release trained on an extract {scale:.2f} times too large"
    return _script("bad_release", seed, story, begin, days=14, release=BadRelease(at=begin + LOOK_AT, scale=scale))


def _demand_shift(chance: Chance, seed: int) -> Script:
    begin, factor = _day(chance, "07-25", "10-10"), _off(chance, 0.12, 0.18)
    story = f"demand is {factor:.2f} times what it was, from one day to the next and for good"
    return _script("demand_shift", seed, story, begin, days=24, shifts=(_shift(begin, None, factor),))


def _sensor_stuck(chance: Chance, seed: int) -> Script:
    begin, days = _day(chance, "07-15", "10-15"), int(chance.integers(4, 8))
    feed, column = (DEMAND, TEMPERATURE)[int(chance.integers(2))]
    stuck = Stuck(feed=feed, column=column, start=begin, end=begin + days * DAY)
    return _script(
        "sensor_stuck", seed, f"{feed}.{column} tells one value for {days} days", begin, days=days + 14, incident=stuck
    )


def _missing_weather(chance: Chance, seed: int) -> Script:
    begin, days = _day(chance, "07-15", "10-15"), int(chance.integers(5, 10))
    back = bool(chance.integers(2))
    gone = Outage(feed="weather", start=begin, end=begin + days * DAY, backfilled=back)
    story = f"no weather for {days} days; it {'comes later' if back else 'is lost'}"
    return _script("missing_weather", seed, story, begin, days=days + 14, incident=gone)


def _truth_delayed(chance: Chance, seed: int) -> Script:
    begin = _day(chance, "07-15", "10-15")
    late = Outage(feed="demand", start=begin, end=begin + 7 * DAY)
    return _script("truth_delayed", seed, "the truth comes a week late", begin, days=24, incident=late)


def _truth_revised(chance: Chance, seed: int) -> Script:
    begin, days, factor = _day(chance, "07-15", "10-15"), int(chance.integers(1, 3)), _off(chance, 0.05, 0.1)
    after = timedelta(days=int(chance.integers(3, 6)))
    wrong = Misstated(feed="demand", column="demand", start=begin, end=begin + days * DAY, factor=factor, corrected_after=after)
    story = f"the truth of {days} days is told {factor:.2f} times too large and corrected {after.days} days later"
    return _script("truth_revised", seed, story, begin, days=18, incident=wrong)


def _natural_extreme(chance: Chance, seed: int) -> Script:
    (begin, end), name = ((COLD, "the cold days of July"), (HOLIDAY, "the holiday of November"))[int(chance.integers(2))]
    script = _script("natural_extreme", seed, f"{name} as they were; nothing is wrong", begin, days=6 if name[4] == "h" else 20)
    return script.model_copy(update={"end": end, "lead_in": int(chance.integers(5, 20))})


def _drift_back(chance: Chance, seed: int) -> Script:
    begin, factor = _day(chance, "07-20", "08-31"), _off(chance, 0.12, 0.18)
    days = int(chance.integers(24, 33))
    story = f"demand is {factor:.2f} times what it was for {days} days, then as before"
    end = begin + days * DAY
    return _script("drift_back", seed, story, begin, days=days + 24, shifts=(_shift(begin, end, factor),), end=end)


def _flapping_metric(chance: Chance, seed: int) -> Script:
    begin, scale = _day(chance, "07-10", "10-10"), _off(chance, 0.2, 0.4)
    size = 1 + float(chance.uniform(0.04, 0.07))
    shifts = tuple(_shift(begin + n * DAY, begin + (n + 1) * DAY, size if n % 4 < 2 else 1 / size) for n in range(0, 10, 2))
    release = BadRelease(at=begin + LOOK_AT, scale=scale)
    story = (
        f"a release {scale:.2f} times too large, demand that jumps by {size - 1:.0%} every other day, an alert that asks 60 times"
    )
    return _script("flapping_metric", seed, story, begin, days=16, shifts=shifts, release=release, requests=3)


DRAWS: dict[str, Callable[[Chance, int], Script]] = {
    "bad_release": _bad_release,
    "demand_shift": _demand_shift,
    "sensor_stuck": _sensor_stuck,
    "missing_weather": _missing_weather,
    "truth_delayed": _truth_delayed,
    "truth_revised": _truth_revised,
    "natural_extreme": _natural_extreme,
    "drift_back": _drift_back,
    "flapping_metric": _flapping_metric,
}


def _script(
    name: str,
    seed: int,
    story: str,
    begin: datetime,
    *,
    days: int,
    shifts: tuple[LevelShift, ...] = (),
    incident: Incident | None = None,
    release: BadRelease | None = None,
    end: datetime | None = None,
    requests: int = 0,
) -> Script:
    incidents = () if incident is None else (incident,)
    world = World(seed=seed, imperfections=Scenario().imperfections, level_shifts=shifts, incidents=incidents)
    until = end if incident is None else incident.end
    told = f"from {begin:%d %B}: {story}"
    return Script(
        name=name, seed=seed, story=told, world=world, begin=begin, end=until, days=days, release=release, requests=requests
    )


def _day(chance: Chance, first: str, last: str) -> datetime:
    """A midnight of 2014 where the data are."""
    start, end = (datetime.fromisoformat(f"2014-{day}T00:00:00+10:00") for day in (first, last))
    return start + int(chance.integers((end - start).days + 1)) * DAY


def _off(chance: Chance, least: float, most: float) -> float:
    """A factor that is off by so much, on either side: 1.2, or 1 / 1.2."""
    factor = 1 + float(chance.uniform(least, most))
    return round(factor if chance.integers(2) else 1 / factor, 3)


def _shift(start: datetime, end: datetime | None, factor: float) -> LevelShift:
    return LevelShift(feed="demand", column="demand", start=start, end=end, factor=factor)
