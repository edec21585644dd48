"""Source: hourly demand and day-ahead forecasts of the EIA API v2 (form EIA-930)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from model_code.data.http import Http, Limits, Params, Session
from model_code.data.pages import NOT_TOLD, chosen, page, within
from model_code.errors import ConfigurationError, SourceChanged, SourceRefused
from model_code.feeds import EiaSource
from model_code.settings import Settings
from model_code.usecase import UseCase

HOUR = pd.Timedelta(hours=1)
PERIOD = "%Y-%m-%dT%H"
PAGE_ROWS = 5000  # the API's own limit for JSON
PACE = 0.25  # seconds; the API asks for at most five requests a second
MEGAWATT_HOURS = "megawatthours"
KEY_HINT = "set EVENKEEL_EIA_API_KEY; a key is free at https://www.eia.gov/opendata/"


class Eia:
    """One EIA feed. EIA stamps the end of an hour, in UTC; here `time` is its start. Values in MW.

    EIA does not tell when a value became known: `known_at` is NaT. Hours that have not ended at `now`
    are left out, except of the day-ahead forecast. A null stays a NaN, for the validation to judge.

    Args:
        usecase: The use case.
        feed_name: A feed whose source is of kind `eia`.
        settings: Address, key and timeout.
        http: Replaces the connection made from `settings`.

    Raises:
        ConfigurationError: A code does not suit the route.
    """

    def __init__(self, usecase: UseCase, feed_name: str, settings: Settings, http: Http | None = None) -> None:
        source = usecase.spec.feeds[feed_name].source
        assert isinstance(source, EiaSource)
        self._source = source
        self._by_subregion = source.route == "region-sub-ba-data"
        self._codes = {entity: self._split(entity, code) for entity, code in source.codes.items()}
        self._key = settings.eia_api_key
        self._http = http or Http(
            settings.eia_url, Limits(timeout=settings.http_timeout, pace=PACE), secrets=[self._key], refused_hint=KEY_HINT
        )

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """See `Source.fetch`; pages of at most 5,000 rows."""
        wanted = {self._codes[entity]: entity for entity in chosen(entities, self._codes)}
        if not self._key:
            raise SourceRefused("EIA needs an API key", hint=KEY_HINT)
        # To UTC before rounding: some zones lie half an hour beside it.
        begin, stop, present = (pd.Timestamp(moment).tz_convert("UTC") for moment in (start, end, now))
        first, last = begin.ceil("h") + HOUR, stop.ceil("h")
        if self._source.series == "D":
            last = min(last, present.floor("h"))
        if last < first:
            return
        with self._http.session() as session:
            for rows in self._pages(session, self._query(wanted, first, last)):
                cut = within(self._observations(rows, wanted), start, end, now)
                if not cut.empty:
                    yield cut

    @property
    def _path(self) -> str:
        return f"/v2/electricity/rto/{self._source.route}/data/"

    def _split(self, entity: str, code: str) -> tuple[str, ...]:
        parts = tuple(code.split("/"))
        if len(parts) != (2 if self._by_subregion else 1) or not all(parts):
            form = "'CISO/PGAE'" if self._by_subregion else "'CISO'"
            raise ConfigurationError(
                f"EIA code {code!r} of {entity} does not suit {self._source.route}", hint=f"write it like {form}"
            )
        if self._by_subregion and self._source.series == "DF":
            raise ConfigurationError("EIA has no day-ahead forecast of sub-regions", hint="use route region-data")
        return parts

    @property
    def _code_fields(self) -> tuple[str, ...]:
        return ("parent", "subba") if self._by_subregion else ("respondent",)

    def _query(self, wanted: Mapping[tuple[str, ...], str], first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[str, str]]:
        query = [("api_key", self._key), ("frequency", "hourly"), ("data[0]", "value")]
        for position, name in enumerate(self._code_fields):
            query += [(f"facets[{name}][]", code) for code in sorted({parts[position] for parts in wanted})]
        if not self._by_subregion:
            query.append(("facets[type][]", self._source.series))
        query += [(edge, moment.strftime(PERIOD)) for edge, moment in (("start", first), ("end", last))]
        for number, name in enumerate(("period", *self._code_fields)):  # a total order: pages neither overlap nor miss
            query += [(f"sort[{number}][column]", name), (f"sort[{number}][direction]", "asc")]
        return query

    def _pages(self, session: Session, query: Params) -> Iterator[list[dict[str, Any]]]:
        offset = 0
        while True:
            part = [("offset", str(offset)), ("length", str(PAGE_ROWS))]
            rows, total = self._answer(session.get_json(self._path, [*query, *part]))
            if not rows and offset < total:
                raise SourceChanged(f"EIA {self._source.route}: empty page at row {offset} of {total}", hint="try again later")
            if rows:
                yield rows
            offset += len(rows)
            if offset >= total:
                return

    def _answer(self, body: Any) -> tuple[list[dict[str, Any]], int]:
        try:
            rows, total = body["response"]["data"], int(body["response"]["total"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._changed("no response.data with response.total") from error
        if not isinstance(rows, list):
            raise self._changed("response.data is no list")
        return rows, total

    def _observations(self, rows: list[dict[str, Any]], wanted: Mapping[tuple[str, ...], str]) -> pd.DataFrame:
        try:
            codes = [tuple(str(row[name]) for name in self._code_fields) for row in rows]
            periods = pd.to_datetime([row["period"] for row in rows], format=PERIOD, utc=True)
            values = pd.to_numeric(pd.Series([row["value"] for row in rows], dtype=object)).astype(float)
            units = {row.get("value-units", MEGAWATT_HOURS) for row in rows}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._changed(f"a row that is not understood, {error!r}") from error
        if units != {MEGAWATT_HOURS}:
            raise self._changed(f"values in {', '.join(sorted(map(str, units)))} instead of {MEGAWATT_HOURS}")
        names = pd.Series([wanted.get(code) for code in codes], dtype=object)
        frame = page(names, periods - HOUR, NOT_TOLD, {self._source.column: values})
        return frame[frame["entity"].notna()]

    def _changed(self, what: str) -> SourceChanged:
        return SourceChanged(f"EIA {self._source.route}: {what}", hint="has the API changed? See docs/sources.md")
