"""A whole dashboard as one picture: frames where Grafana's grid puts them, each panel drawn from a Prometheus' answers."""

import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from monitoring.grafana.asked import asked, legend
from monitoring.grafana.boards import BOARDS
from monitoring.grafana.panel import Board, Panel
from monitoring.grafana.pictures import plot
from monitoring.grafana.pictures.panels import FAINT, INK, MARKS, Drawn, Line, draw
from monitoring.grafana.pictures.told import END, told
from monitoring.grafana.prometheus import OwnPrometheus
from monitoring.marks import Mark, marks_of

COLUMN, UNIT = 0.6, 0.29  # inches: a column of the 24, a unit of height
TOP, ROW_TITLE, GAP = 0.75, 0.36, 0.07  # inches
DOTS = 110  # an inch
WIDTH = 24 * COLUMN
LETTER = 0.052  # inches, of a name beside a band


def draw_all(folder: Path) -> list[Path]:
    """Draw every dashboard into `folder/NAME.png`.

    Raises:
        PrometheusFailed: Prometheus or promtool is not installed, or failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, told(Path(place)) as prometheus:
        return [picture(board, prometheus, folder / f"{board.name}.png") for board in BOARDS]


def picture(board: Board, prometheus: OwnPrometheus, file: Path) -> Path:
    """One dashboard, as it stands at the end of the story."""
    with mpl.rc_context({"font.family": "DejaVu Sans", "timezone": "UTC"}):
        figure = Figure(figsize=(WIDTH, _height(board)), dpi=DOTS, facecolor="#F4F5F7")
        FigureCanvasAgg(figure)
        _head(figure, board)
        top = TOP
        for row in board.rows:
            figure.text(0.006, _up(figure, top + 0.24), row.title, fontsize=11, color=INK, weight="bold")
            top = _row(figure, board, row.panels, prometheus, top + ROW_TITLE)
        figure.savefig(file, metadata={"Software": None})
    return file


def _row(figure: Figure, board: Board, panels: Sequence[Panel], prometheus: OwnPrometheus, top: float) -> float:
    """Place panels as Grafana does, from left to right; returns where the next row begins, in inches from the top."""
    column, tallest = 0, 0.0
    for panel in panels:
        height = panel.units * UNIT
        if column + panel.width > 24:
            column, top, tallest = 0, top + tallest, 0.0
        _framed(figure, drawn(board, panel, prometheus), column * COLUMN, top, height)
        column, tallest = column + panel.width, max(tallest, height)
    return top + tallest


def drawn(board: Board, panel: Panel, prometheus: OwnPrometheus) -> Drawn:
    """What the panel is drawn from: the answers to its queries over the board's time."""
    day = board.span == "now-24h"
    step = timedelta(minutes=2) if day else timedelta(hours=1)
    start = END - (timedelta(days=1) if day else timedelta(days=plot.DAYS))
    lines = []
    for query in panel.queries:
        question = asked(query, plot.USECASE, interval="5m" if day else "4h")
        if panel.kind in ("number", "name"):
            found = prometheus.now(question, END - timedelta(hours=1))
        else:
            found = prometheus.over(question, start, END - step, step)
        for series in found:
            times, values = np.array(series.points).T
            lines.append(Line(legend(query, series.labels), query, times, values))
    return Drawn(panel, lines, _marks(start), start, END, step)


def _marks(start: datetime) -> list[Mark]:
    return [mark for mark in marks_of(plot.ledger()) if (mark.until or mark.at) >= start]


def _framed(figure: Figure, content: Drawn, left: float, top: float, height: float) -> None:
    panel = content.panel
    width = panel.width * COLUMN
    frame = FancyBboxPatch(
        ((left + GAP / 2) / WIDTH, _up(figure, top + height - GAP / 2)),
        (width - GAP) / WIDTH,
        (height - GAP) / figure.get_figheight(),
        boxstyle="round,pad=0,rounding_size=0.002",
        facecolor="white",
        edgecolor="#DADDE3",
        linewidth=0.8,
        transform=figure.transFigure,
        zorder=-1,
    )
    figure.add_artist(frame)
    figure.text((left + 0.13) / WIDTH, _up(figure, top + 0.23), panel.title, fontsize=8.5, color=INK, weight="bold")
    west, south, east, north = _margins(content)
    box = (
        (left + west) / WIDTH,
        _up(figure, top + height - south),
        (width - west - east) / WIDTH,
        (height - north - south) / figure.get_figheight(),
    )
    draw(figure.add_axes(box), content)


def _margins(content: Drawn) -> tuple[float, float, float, float]:
    """Left, bottom, right, top in inches: what names, times and legends need."""
    if content.panel.kind == "lines":
        return 0.62, 0.58, 0.14, 0.34
    if content.panel.kind == "states":
        return 0.25 + LETTER * max((len(line.name) for line in content.lines), default=0), 0.3, 0.14, 0.34
    return 0.12, 0.08, 0.12, 0.3


def _head(figure: Figure, board: Board) -> None:
    figure.text(0.006, _up(figure, 0.32), board.title, fontsize=15, color=INK, weight="bold")
    figure.text(0.006, _up(figure, 0.58), board.says, fontsize=9, color=FAINT)
    for place, (kind, color) in enumerate(MARKS.items()):
        figure.text(0.80 + 0.065 * place, _up(figure, 0.32), f"▌{kind}", fontsize=8.5, color=color)


def _height(board: Board) -> float:
    total = TOP + 0.1
    for row in board.rows:
        total += ROW_TITLE + UNIT * _units(row.panels)
    return total


def _units(panels: Sequence[Panel]) -> int:
    column, tallest, total = 0, 0, 0
    for panel in panels:
        if column + panel.width > 24:
            column, total, tallest = 0, total + tallest, 0
        column, tallest = column + panel.width, max(tallest, panel.units)
    return total + tallest


def _up(figure: Figure, inches: float) -> float:
    """From inches below the top to matplotlib's share from the bottom."""
    return float(1 - inches / figure.get_figheight())
