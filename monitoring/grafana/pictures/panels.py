"""One panel drawn into one set of axes, by its kind, as Grafana would draw it in outline."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from matplotlib.axes import Axes

from monitoring.grafana.panel import Panel, Query
from monitoring.grafana.pictures.samples import Values
from monitoring.grafana.pictures.units import ticks, written
from monitoring.marks import Mark

PALETTE = ("#3D71D9", "#56A64B", "#E0A800", "#8F3BB8", "#0A9396", "#C15C17", "#6D597A", "#8AB8FF", "#7A7A7A", "#B5838D")
LIMIT = "#D1242F"
WORDS = {"green": "#6CBF6B", "red": "#E5484D", "orange": "#F2A33A", "blue": "#5B8DEF", "text": "#ECEFF3"}
MARKS = {"release": "#1F60C4", "action": "#E8710A", "incident": "#D1242F"}
MOST_NAMED = 8  # entries of a legend
INK, FAINT = "#24292F", "#6B7280"


@dataclass(frozen=True)
class Line:
    """One answered series with the name that a reader sees."""

    name: str
    query: Query
    times: Values
    values: Values


@dataclass(frozen=True)
class Drawn:
    """What a panel is drawn from.

    Attributes:
        panel: Itself.
        lines: Answers to its queries.
        marks: Annotations.
        start: Of the shown time.
        end: Of the shown time.
        step: Between two asked moments; a longer pause is a gap.
    """

    panel: Panel
    lines: Sequence[Line]
    marks: Sequence[Mark]
    start: datetime
    end: datetime
    step: timedelta


def draw(axes: Axes, drawn: Drawn) -> None:
    """Draw one panel."""
    if drawn.lines or not drawn.panel.queries:
        KINDS[drawn.panel.kind](axes, drawn)
    else:
        _big(axes, "no data", FAINT)


def _lines(axes: Axes, drawn: Drawn) -> None:
    colors = iter(PALETTE * 9)
    for line in drawn.lines:
        color, style = (LIMIT, (0, (5, 4))) if line.query.limit else (next(colors), "solid")
        times, values = _with_gaps(line, drawn.step)
        axes.plot(times, values, color=color, linestyle=style, linewidth=1.1, label=line.name, zorder=3)
    _time_axis(axes, drawn)
    _marks(axes, drawn.marks)
    _value_axis(axes, drawn)
    axes.grid(color="#E5E7EB", linewidth=0.6, zorder=0)
    _legend(axes)


def _states(axes: Axes, drawn: Drawn) -> None:
    meaning = {word.value: word for word in drawn.panel.words}
    names = list(dict.fromkeys(line.name for line in drawn.lines))
    for line in drawn.lines:
        for first, last, value in _runs(line, drawn.step):
            word = meaning.get(round(value))
            color = WORDS[word.color] if word else "#CBD5E1"
            axes.barh(names.index(line.name), last - first, left=first, height=0.72, color=color, linewidth=0, zorder=3)
            if word and word.text.strip() and last - first > (_number_of(drawn.end) - _number_of(drawn.start)) / 12:
                axes.text((first + last) / 2, names.index(line.name), word.text, ha="center", va="center", fontsize=6.5, zorder=4)
    axes.set_yticks(range(len(names)), names, fontsize=6.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    _time_axis(axes, drawn)
    _marks(axes, drawn.marks)


def _number(axes: Axes, drawn: Drawn) -> None:
    value = float(drawn.lines[0].values[-1])
    word = {word.value: word for word in drawn.panel.words}.get(round(value))
    text = word.text if word else written(value, drawn.panel.unit)
    _big(axes, text, {"green": "#2F8F3A", "red": LIMIT}.get(word.color, INK) if word else "#2F6FDE")


def _name(axes: Axes, drawn: Drawn) -> None:
    _big(axes, ", ".join(line.name for line in drawn.lines), "#2F6FDE")


def _listed(axes: Axes, drawn: Drawn) -> None:
    axes.axis("off")
    for place, mark in enumerate(reversed(drawn.marks[-7:])):
        height = 0.97 - place * 0.145
        text = mark.text.replace("\n", ": ").replace("&gt;", ">")
        axes.text(0, height, f"{mark.at:%d %b %H:%M}  {mark.kind}", fontsize=6.8, color=MARKS[mark.kind], va="top", weight="bold")
        axes.text(0, height - 0.06, text[:96] + ("…" if len(text) > 96 else ""), fontsize=6.2, color=INK, va="top")


def _big(axes: Axes, text: str, color: str) -> None:
    axes.axis("off")
    axes.text(0.5, 0.4, text, ha="center", va="center", fontsize=17, color=color, weight="bold")


def _marks(axes: Axes, marks: Sequence[Mark]) -> None:
    for mark in marks:
        if mark.until is not None:
            axes.axvspan(_number_of(mark.at), _number_of(mark.until), color=MARKS[mark.kind], alpha=0.09, linewidth=0, zorder=1)
        else:
            axes.axvline(_number_of(mark.at), color=MARKS[mark.kind], linewidth=0.9, alpha=0.85, zorder=2)


def _time_axis(axes: Axes, drawn: Drawn) -> None:
    axes.set_xlim(_number_of(drawn.start), _number_of(drawn.end))
    long = drawn.end - drawn.start > timedelta(days=3)
    every = timedelta(days=7) if long else timedelta(hours=4)
    ticks = [drawn.start + place * every for place in range(math.ceil((drawn.end - drawn.start) / every))]
    axes.set_xticks([_number_of(tick) for tick in ticks], [tick.strftime("%d %b" if long else "%H:%M") for tick in ticks])
    axes.tick_params(labelsize=6.5, colors=FAINT, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#D1D5DB")


def _value_axis(axes: Axes, drawn: Drawn) -> None:
    least, most = drawn.panel.bounds
    shown = [value for line in drawn.lines for value in (line.values.min(), line.values.max())]
    if shown and max(shown) == min(shown):  # a flat line, such as one at 0
        most = max(shown) + 1 if most is None else most
    axes.set_ylim(bottom=least, top=most)
    low, high = axes.get_ylim()
    axes.set_yticks(marks := ticks(low, high, drawn.panel.unit), [written(value, drawn.panel.unit) for value in marks])


def _legend(axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    known = dict(zip(names, handles, strict=True))
    shown = dict(list(known.items())[:MOST_NAMED])
    columns = 4 if len(shown) > 3 else max(len(shown), 1)
    axes.legend(
        shown.values(),
        shown.keys(),
        loc="upper left",
        bbox_to_anchor=(-0.04, -0.13),
        ncols=columns,
        fontsize=6.2,
        frameon=False,
        handlelength=1.4,
        columnspacing=1.0,
        labelcolor=INK,
    )


def _with_gaps(line: Line, step: timedelta) -> tuple[Values, Values]:
    """Times as matplotlib's numbers, with a NaN where samples are missing."""
    breaks = np.flatnonzero(np.diff(line.times) > 1.5 * step.total_seconds()) + 1
    times, values = np.insert(line.times, breaks, line.times[breaks - 1] + 1), np.insert(line.values, breaks, math.nan)
    return times / 86_400.0, values


def _runs(line: Line, step: timedelta) -> list[tuple[float, float, float]]:
    """(first, end, value) of each stretch of one value, times as matplotlib's numbers."""
    apart = (np.diff(line.times) > 1.5 * step.total_seconds()) | (np.diff(line.values) != 0)
    firsts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    lasts = np.concatenate([np.flatnonzero(apart), [len(line.times) - 1]])
    pause = step.total_seconds()
    return [
        (line.times[first] / 86_400.0, (line.times[last] + pause) / 86_400.0, float(line.values[first]))
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _number_of(moment: datetime) -> float:
    """As matplotlib counts: days since 1970."""
    return moment.timestamp() / 86_400.0


KINDS: Mapping[str, Callable[[Axes, Drawn], None]] = {
    "lines": _lines,
    "states": _states,
    "number": _number,
    "name": _name,
    "marks": _listed,
}
