"""What a dashboard is made of, in our own words: a board has rows, a row has panels, a panel has queries."""

import re
from dataclasses import dataclass
from typing import Literal

from model_code.metrics import BY_NAME, Metric

Kind = Literal["lines", "number", "name", "states", "marks"]
Color = Literal["green", "red", "orange", "blue", "text"]
USUAL_HEIGHT, HEIGHTS = 8, {"number": 4, "name": 4}
_WORD = re.compile(r"\bevenkeel_\w+")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")


@dataclass(frozen=True)
class Query:
    """One question to Prometheus.

    Attributes:
        expr: PromQL; `$usecase` and `$series` are the dashboard's variables.
        legend: Name of each answered series, with `{{label}}` for a label's value; "" for Grafana's own.
        limit: Whether the answer is a threshold: drawn as a dashed line.
    """

    expr: str
    legend: str = ""
    limit: bool = False


@dataclass(frozen=True)
class Word:
    """What a value means, such as 1 for an alarm."""

    value: int
    text: str
    color: Color


@dataclass(frozen=True)
class Panel:
    """One picture on a dashboard.

    Attributes:
        title: In a few words.
        says: How to read it, in one sentence; the metrics' own help is added to it.
        queries: At least one; none for `marks`, which lists annotations.
        unit: Grafana's name of the unit.
        kind: How it is drawn: lines over time, the latest number, the name (legend) of what is above 0, states over time, a list
            of annotations.
        width: Of 24 columns.
        height: In Grafana's units of about 30 pixels; 0 for what is usual for the kind.
        words: What values mean.
        bounds: Least and most value of the axis; None is free.
    """

    title: str
    says: str
    queries: tuple[Query, ...] = ()
    unit: str = "short"
    kind: Kind = "lines"
    width: int = 12
    height: int = 0
    words: tuple[Word, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)

    @property
    def units(self) -> int:
        """Its height."""
        return self.height or HEIGHTS.get(self.kind, USUAL_HEIGHT)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of the catalogue that it shows, thresholds left out."""
        names = dict.fromkeys(name for query in self.queries if not query.limit for name in named(query.expr))
        return tuple(BY_NAME[name] for name in names if name in BY_NAME)

    @property
    def description(self) -> str:
        """How to read it, and what each metric means by the catalogue."""
        return "\n\n".join([self.says, *(f"`{metric.name}`: {metric.help}" for metric in self.metrics)])


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        uid: Part of its address; stays when the title changes.
        title: As listed in Grafana.
        says: Which question it answers.
        rows: From top to bottom.
        span: The time range that it opens with, as Grafana writes it.
    """

    uid: str
    title: str
    says: str
    rows: tuple[Row, ...]
    span: str = "now-6w"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All its panels."""
        return tuple(panel for row in self.rows for panel in row.panels)

    @property
    def name(self) -> str:
        """Of its files.

        Example:
            >>> Board("evenkeel-drift", "Drift", "Has the world changed?", ()).name
            'drift'
        """
        return self.uid.removeprefix("evenkeel-")


def named(expr: str) -> list[str]:
    """The metrics of the catalogue, or unknown ones of ours, that a PromQL expression asks for.

    Example:
        >>> named('rate(evenkeel_actions_total{usecase="a"}[5m])')
        ['evenkeel_actions_total']
    """
    return [word if word in BY_NAME else _SUFFIX.sub("", word) for word in _WORD.findall(expr)]
