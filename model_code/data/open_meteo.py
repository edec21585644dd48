"""Source: weather of Open-Meteo, as forecast now, as forecast at the time (previous runs), or from the archive."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from model_code.data.http import Http, Limits, Session
from model_code.data.pages import NOT_TOLD, chosen, page, within
from model_code.errors import SourceChanged
from model_code.feeds import OpenMeteoSource
from model_code.settings import Settings
from model_code.usecase import UseCase

HOUR = pd.Timedelta(hours=1)
POINTS_A_CALL = 50
DAYS_A_CALL = pd.Timedelta(days=91)
FARTHEST = pd.Timedelta(days=15)  # forecasts end 16 days ahead, today included
PACE = 0.12  # seconds a point and two weeks: the free service allows 600 a minute
NEAR = 1.0  # degrees between the point asked for and the grid cell that answers


class OpenMeteo:
    """One weather feed, hourly, UTC, in Open-Meteo's default units.

    `known_at` is `now` for a forecast, which may be about the future; `lead_days` before `time`, plus the
    feed's publication delay, for previous runs; NaT for the archive, which tells what was measured, not
    what was known: training on it is a leak.

    Args:
        usecase: The use case.
        feed_name: A feed whose source is of kind `open_meteo`.
        settings: Addresses and timeout.
        http: Replaces the connection made from `settings`.
    """

    def __init__(self, usecase: UseCase, feed_name: str, settings: Settings, http: Http | None = None) -> None:
        feed = usecase.spec.feeds[feed_name]
        assert isinstance(feed.source, OpenMeteoSource)
        self._source = feed.source
        self._lead = pd.Timedelta(days=feed.source.lead_days) - feed.publication_delay
        url, self._path, self._suffix = {
            "forecast": (settings.open_meteo_forecast_url, "/v1/forecast", ""),
            "archive": (settings.open_meteo_archive_url, "/v1/archive", ""),
            "previous_runs": (
                settings.open_meteo_previous_url,
                "/v1/forecast",
                f"_previous_day{feed.source.lead_days}",
            ),
        }[feed.source.product]
        self._http = http or Http(url, Limits(timeout=settings.http_timeout, pace=PACE))

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """See `Source.fetch`; a page holds up to 50 points and 91 days. Hours without any value are left out."""
        wanted = chosen(entities, self._source.points)
        moment = pd.Timestamp(now).tz_convert("UTC")
        first = pd.Timestamp(start).tz_convert("UTC")
        beyond = min(pd.Timestamp(end).tz_convert("UTC"), self._farthest(moment))
        if beyond <= first:
            return
        with self._http.session() as session:
            for low in pd.date_range(first, beyond, freq=DAYS_A_CALL, inclusive="left"):
                high = min(low + DAYS_A_CALL, beyond)
                for number in range(0, len(wanted), POINTS_A_CALL):
                    names = wanted[number : number + POINTS_A_CALL]
                    rows = self._call(session, names, low, high, moment)
                    cut = within(rows, low, high, moment)
                    if not cut.empty:
                        yield cut

    def _farthest(self, now: pd.Timestamp) -> pd.Timestamp:
        """First time that the API cannot tell, or that was not known at `now`."""
        if self._source.product == "archive":
            return now
        last_day = now.normalize() + FARTHEST + pd.Timedelta(days=1)
        if self._source.product == "forecast":
            return last_day
        return min(last_day, now + self._lead + pd.Timedelta(1, unit="us"))

    def _call(self, session: Session, names: list[str], low: pd.Timestamp, high: pd.Timestamp, now: pd.Timestamp) -> pd.DataFrame:
        points = [self._source.points[name] for name in names]
        last = high - pd.Timedelta(1, unit="us")
        variables = [variable + self._suffix for variable in self._source.columns.values()]
        query = [
            ("latitude", ",".join(f"{latitude:g}" for latitude, _ in points)),
            ("longitude", ",".join(f"{longitude:g}" for _, longitude in points)),
            ("hourly", ",".join(variables)),
            ("timezone", "GMT"),
            ("timeformat", "unixtime"),
            ("start_date", low.strftime("%Y-%m-%d")),
            ("end_date", last.strftime("%Y-%m-%d")),
        ]
        fortnights = max(1.0, (high - low) / pd.Timedelta(days=14))
        body = session.get_json(self._path, query, cost=len(points) * fortnights)
        answers = body if isinstance(body, list) else [body]
        if len(answers) != len(points):
            raise self._changed(f"{len(answers)} answers for {len(points)} points")
        pairs = zip(names, points, answers, strict=True)
        return pd.concat([self._point(name, point, answer, now) for name, point, answer in pairs], ignore_index=True)

    def _point(self, name: str, point: tuple[float, float], answer: Any, now: pd.Timestamp) -> pd.DataFrame:
        try:
            hourly = answer["hourly"]
            if answer["hourly_units"]["time"] != "unixtime" or answer["utc_offset_seconds"] != 0:
                raise self._changed("times are not in Unix seconds, GMT")
            away = max(abs(answer["latitude"] - point[0]), abs(answer["longitude"] - point[1]))
            time = pd.to_datetime(np.asarray(hourly["time"], dtype=np.int64), unit="s", utc=True)
            values = {
                ours: np.asarray(hourly[theirs + self._suffix], dtype=np.float64) for ours, theirs in self._source.columns.items()
            }
            rows = page(name, time, self._known_at(time, now), values)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._changed(f"an answer that is not understood, {error!r}") from error
        if away > NEAR:
            raise self._changed(f"the answer for {name} is {away:.1f} degrees away from it")
        return rows.dropna(subset=list(self._source.columns), how="all")

    def _known_at(self, time: pd.DatetimeIndex, now: pd.Timestamp) -> Any:
        if self._source.product == "forecast":
            return now
        return time - self._lead if self._source.product == "previous_runs" else NOT_TOLD

    def _changed(self, what: str) -> SourceChanged:
        return SourceChanged(f"Open-Meteo {self._path}: {what}", hint="has the API changed? See docs/sources.md")
