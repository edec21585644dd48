"""A metric that no panel was drawn for by hand gets one all the same, on the board of whoever tells it."""

from collections.abc import Sequence
from dataclasses import replace

from model_code.metrics import Metric
from monitoring.grafana.panel import Board, Panel, Query, Row, named
from monitoring.grafana.queries import gauge, quantile, rate, unit_of

BOARD_OF = {"service": "evenkeel-serving", "ledger": "evenkeel-incidents"}
TITLE = "Also measured"
THRESHOLDS = "evenkeel_threshold"  # drawn as lines beside what they bound


def with_the_rest(boards: Sequence[Board], catalogue: Sequence[Metric]) -> tuple[Board, ...]:
    """The boards, each with a last row of those metrics of the catalogue that none of them shows."""
    shown = {name for board in boards for panel in board.panels for query in panel.queries for name in named(query.expr)}
    missing = [metric for metric in catalogue if metric.name not in shown | {THRESHOLDS}]
    return tuple(_with(board, [metric for metric in missing if _home(metric) == board.uid]) for board in boards)


def _home(metric: Metric) -> str:
    model = "evenkeel-quality" if metric.owner == "model" else "evenkeel-loop"
    return BOARD_OF.get(metric.source, model)


def _with(board: Board, metrics: Sequence[Metric]) -> Board:
    if not metrics:
        return board
    return replace(board, rows=(*board.rows, Row(TITLE, tuple(_panel(metric) for metric in metrics))))


def _panel(metric: Metric) -> Panel:
    title = metric.name.removeprefix("evenkeel_").removesuffix("_total").replace("_", " ").capitalize()
    unit = "ops" if metric.kind == "counter" else unit_of(metric)
    return Panel(title, f"In {metric.unit}." if metric.unit != "1" else "A share or a ratio.", (_query(metric),), unit, width=8)


def _query(metric: Metric) -> Query:
    by = tuple(label for label in metric.labels if label != "usecase")
    if metric.kind == "counter":
        return rate(metric, by)
    return quantile(metric, 0.99, by) if metric.kind == "histogram" else gauge(metric)
