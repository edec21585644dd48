"""A local Open-Meteo: forecast, archive and previous runs over given frames."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from model_code.data.fakes.server import Answer, FakeServer, Query

PATHS = ("/v1/forecast", "/v1/archive")
FORECAST_DAYS = timedelta(days=15)
GRID = 0.01  # degrees by which the answering grid cell lies beside the point


class FakeOpenMeteo(FakeServer):
    """Speaks the API's wire format; whole days in GMT, null where it has no value.

    Args:
        weather: (latitude, longitude) -> frame indexed by hour (aware), its columns named as on the wire:
            `temperature_2m`, or `temperature_2m_previous_day1` for what was forecast a day before.
        today: Days later than 15 after it are refused, as the real service does. Default: no limit.

    Example:
        >>> with FakeOpenMeteo({}) as fake:
        ...     fake.requests
        []
    """

    def __init__(self, weather: Mapping[tuple[float, float], pd.DataFrame], *, today: date | None = None) -> None:
        super().__init__()
        self.weather = {point: frame.tz_convert("UTC") for point, frame in weather.items()}
        self.today = today

    def answer(self, path: str, query: Query) -> Answer:
        """An object for one point, a list for several."""
        if path not in PATHS:
            return Answer(404, {"error": True, "reason": "Not Found"})
        try:
            latitudes, longitudes = (_numbers(query, name) for name in ("latitude", "longitude"))
            first, last = (date.fromisoformat(query[name][0]) for name in ("start_date", "end_date"))
            variables = query["hourly"][0].split(",")
        except (KeyError, ValueError) as error:
            return _refused(f"Parameter missing or not understood: {error}")
        if len(latitudes) != len(longitudes):
            return _refused("Parameter 'latitude' and 'longitude' must have the same number of elements")
        if last < first or (self.today is not None and last > self.today + FORECAST_DAYS):
            return _refused("Parameter 'end_date' is out of allowed range")
        unixtime = query.get("timeformat") == ["unixtime"]
        points = list(zip(latitudes, longitudes, strict=True))
        try:
            answers = [self._point(point, first, last, variables, unixtime) for point in points]
        except KeyError as error:
            return _refused(f"Data corrupted at path ''. Cannot initialize variable from invalid String value {error.args[0]}.")
        for number, answer in enumerate(answers[1:], start=1):
            answer["location_id"] = number
        return Answer(200, answers[0] if len(answers) == 1 else answers)

    def refusal(self) -> Answer:
        """400, as the service for customers answers."""
        return _refused("The supplied API key is invalid.")

    def without_rows(self, body: Any) -> Any:
        """No hours at all."""
        return _each(body, lambda answer: {**answer, "hourly": {name: [] for name in answer["hourly"]}})

    def renamed(self, body: Any) -> Any:
        """`hourly` is called `hourly_data`."""
        return _each(body, lambda answer: {("hourly_data" if name == "hourly" else name): part for name, part in answer.items()})

    def _point(self, point: tuple[float, float], first: date, last: date, variables: list[str], unixtime: bool) -> dict[str, Any]:
        frame = self.weather.get(point, pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC")))
        hours = pd.date_range(first, last + timedelta(days=1), freq="h", inclusive="left", tz="UTC")
        known = {name for other in self.weather.values() for name in other.columns}
        hourly: dict[str, Any] = {"time": _stamps(hours, unixtime)}
        for variable in variables:
            if variable not in known:
                raise KeyError(variable)
            values = frame[variable].reindex(hours) if variable in frame else pd.Series(np.nan, index=hours)
            hourly[variable] = [None if np.isnan(value) else round(float(value), 4) for value in values]
        return {
            "latitude": point[0] + GRID,
            "longitude": point[1] - GRID,
            "generationtime_ms": 0.05,
            "utc_offset_seconds": 0,
            "timezone": "GMT",
            "timezone_abbreviation": "GMT",
            "elevation": 38.0,
            "hourly_units": {"time": "unixtime" if unixtime else "iso8601", **dict.fromkeys(variables, "°C")},
            "hourly": hourly,
        }


def _numbers(query: Query, name: str) -> list[float]:
    return [float(part) for part in query[name][0].split(",")]


def _stamps(hours: pd.DatetimeIndex, unixtime: bool) -> list[Any]:
    return [int(hour.timestamp()) for hour in hours] if unixtime else list(hours.strftime("%Y-%m-%dT%H:%M"))


def _each(body: Any, change: Any) -> Any:
    copy = deepcopy(body)
    return [change(answer) for answer in copy] if isinstance(copy, list) else change(copy)


def _refused(reason: str) -> Answer:
    return Answer(400, {"error": True, "reason": reason})
