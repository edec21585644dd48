"""A local EIA API v2: hourly region and sub-region data over given series."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pandas as pd

from model_code.data.fakes.server import Answer, FakeServer, Query

ROUTES = {
    "/v2/electricity/rto/region-data/data/": ("respondent", "type"),
    "/v2/electricity/rto/region-sub-ba-data/data/": ("parent", "subba"),
}
TYPE_NAMES = {"D": "Demand", "DF": "Day-ahead demand forecast"}
LARGEST_PAGE = 5000


class FakeEia(FakeServer):
    """Speaks the API's wire format: periods stamp the end of the hour, numbers are strings, rows come in pages.

    Args:
        series: Code -> values in MW, indexed by the start of the hour (aware). Codes: `CISO` or `CISO:DF`
            for region-data, `CISO/PGAE` for sub-regions. NaN is sent as null; a doubled hour is sent twice.
        key: The only key that is accepted.
        page_rows: Most rows of a page; smaller than the real 5,000 to see paging at work.

    Example:
        >>> hours = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")
        >>> with FakeEia({"CISO": pd.Series([1.0, 2.0, 3.0], hours)}) as fake:
        ...     fake.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, series: Mapping[str, pd.Series], *, key: str = "fake-eia-key", page_rows: int = LARGEST_PAGE) -> None:
        super().__init__()
        self.key = key
        self.page_rows = page_rows
        self._tables: dict[str, pd.DataFrame] = {}
        self.set_series(series)

    def set_series(self, series: Mapping[str, pd.Series]) -> None:
        """Replaces all series, as when EIA revises."""
        self._tables = {
            "parent": _table([(*code.split("/"), values) for code, values in series.items() if "/" in code]),
            "respondent": _table(
                [
                    (*(code if ":" in code else f"{code}:D").split(":"), values)
                    for code, values in series.items()
                    if "/" not in code
                ]
            ),
        }

    def answer(self, path: str, query: Query) -> Answer:
        """A page, or the API's refusal."""
        if query.get("api_key") != [self.key]:
            return self.refusal()
        if path not in ROUTES:
            return Answer(404, {"error": f"Invalid route: {path}", "code": 404})
        if query.get("frequency") != ["hourly"] or query.get("data[0]") != ["value"]:
            return Answer(400, {"error": "Invalid frequency or data", "code": 400})
        first_name, second_name = ROUTES[path]
        rows = self._selected(self._tables[first_name], query, first_name, second_name)
        offset = int(query.get("offset", ["0"])[0])
        length = min(int(query.get("length", [str(LARGEST_PAGE)])[0]), self.page_rows)
        part = rows.iloc[offset : offset + length]
        return Answer(
            200,
            {
                "response": {
                    "total": str(len(rows)),
                    "dateFormat": 'YYYY-MM-DD"T"HH24',
                    "frequency": "hourly",
                    "data": _wire(part, first_name, second_name),
                    "description": "Hourly demand. Source: Form EIA-930.",
                },
                "request": {"command": path, "params": {"frequency": "hourly", "offset": offset, "length": length}},
                "apiVersion": "2.1.8",
            },
        )

    def refusal(self) -> Answer:
        """403, as the gateway in front of the API gives it."""
        message = "An invalid api_key was supplied. Get one at https://www.eia.gov/opendata/"
        return Answer(403, {"error": {"code": "API_KEY_INVALID", "message": message}})

    def without_rows(self, body: Any) -> Any:
        """`total` still promises rows."""
        empty = deepcopy(body)
        empty["response"]["data"] = []
        return empty

    def renamed(self, body: Any) -> Any:
        """`value` is called `quantity`."""
        changed = deepcopy(body)
        for row in changed["response"]["data"]:
            row["quantity"] = row.pop("value")
        return changed

    def _selected(self, table: pd.DataFrame, query: Query, first_name: str, second_name: str) -> pd.DataFrame:
        keep = pd.Series(True, index=table.index)
        for name, column in ((first_name, "first"), (second_name, "second")):
            wanted = query.get(f"facets[{name}][]")
            if wanted:
                keep &= table[column].isin(wanted)
        if "start" in query:
            keep &= table["period"] >= query["start"][0]
        if "end" in query:
            keep &= table["period"] <= query["end"][0]
        return table[keep]


def _table(series: list[Any]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "period": (values.index.tz_convert("UTC") + pd.Timedelta(hours=1)).strftime("%Y-%m-%dT%H"),
                "first": first,
                "second": second,
                "value": values.to_numpy(float),
            }
        )
        for first, second, values in series
    ]
    if not parts:
        return pd.DataFrame({"period": [], "first": [], "second": [], "value": []}, dtype=object)
    return pd.concat(parts).sort_values(["period", "first", "second"], kind="stable", ignore_index=True)


def _wire(rows: pd.DataFrame, first_name: str, second_name: str) -> list[dict[str, Any]]:
    return [
        {
            "period": period,
            first_name: first,
            f"{first_name}-name": f"Name of {first}",
            second_name: second,
            f"{second_name}-name": TYPE_NAMES.get(second, f"Name of {second}"),
            "value": None if value != value else f"{value:.15g}",
            "value-units": "megawatthours",
        }
        for period, first, second, value in zip(rows["period"], rows["first"], rows["second"], rows["value"], strict=True)
    ]
