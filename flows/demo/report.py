"""The demo's page: forecasts with intervals against truth, live loss over time with every action marked, the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

INK, CALM, WARM, PALE = "#1d3557", "#2a9d8f", "#e76f51", "rgba(42,157,143,0.20)"


@dataclass(frozen=True)
class Mark:
    """Something that happened, to be marked on the time axis."""

    at: pd.Timestamp
    label: str
    color: str


@dataclass(frozen=True)
class Page:
    """What the page shows.

    Attributes:
        scored: origin, time, value, lower, upper, truth (target's unit).
        losses: origin, loss, expected, version.
        candidates: family, search_loss, holdout_loss.
        steps: name, evidence, decision, seconds.
    """

    title: str
    unit: str
    timezone: str
    scored: pd.DataFrame
    losses: pd.DataFrame
    candidates: pd.DataFrame
    steps: Sequence[dict[str, Any]]
    marks: Sequence[Mark]


def write(page: Page, path: Path) -> Path:
    """Write one self-contained HTML file; it needs no network."""
    figures = [_losses(page), _forecasts(page), _candidates(page)]
    body = "\n".join(figure.to_html(full_html=False, include_plotlyjs=False) for figure in figures)
    path.write_text(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:15px/1.5 system-ui,sans-serif;color:{INK};max-width:1180px;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}td,th{{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}}
td:last-child{{text-align:right}}</style><script>{get_plotlyjs()}</script></head><body>
<h1>{escape(page.title)}</h1>{body}<h2>What happened</h2>{_table(page.steps)}</body></html>""",
        encoding="utf-8",
    )
    return path


def _layout(figure: go.Figure, title: str, unit: str) -> go.Figure:
    figure.update_layout(
        title=title, template="plotly_white", height=430, hovermode="x unified", legend={"orientation": "h", "y": -0.2}
    )
    figure.update_yaxes(title=unit)
    return figure


def _losses(page: Page) -> go.Figure:
    days = page.losses["origin"].dt.tz_convert(page.timezone).dt.tz_localize(None)
    figure = go.Figure()
    for version, rows in page.losses.groupby("version", sort=False):
        figure.add_bar(x=days[rows.index], y=rows["loss"], name=f"live loss, version {version}")
    figure.add_scatter(
        x=days, y=page.losses["expected"], name="loss to expect on such a day", connectgaps=True, line={"color": INK, "width": 2}
    )
    top = float(page.losses["loss"].max())
    for number, mark in enumerate(page.marks):
        moment = mark.at.tz_convert(page.timezone).tz_localize(None)
        figure.add_vline(x=moment, line={"color": mark.color, "dash": "dot"})
        figure.add_annotation(
            x=moment, y=top * (1.05 - 0.1 * (number % 4)), text=mark.label, showarrow=False, font={"color": mark.color}
        )
    return _layout(figure, "Live loss by forecast origin (mean absolute error)", page.unit)


def _forecasts(page: Page) -> go.Figure:
    rows = page.scored.sort_values("time")
    local = rows["time"].dt.tz_convert(page.timezone).dt.tz_localize(None)
    figure = go.Figure()
    figure.add_scatter(x=local, y=rows["upper"], line={"width": 0}, showlegend=False, hoverinfo="skip")
    figure.add_scatter(x=local, y=rows["lower"], line={"width": 0}, fill="tonexty", fillcolor=PALE, name="interval")
    figure.add_scatter(x=local, y=rows["value"], name="forecast, one day ahead", line={"color": CALM})
    figure.add_scatter(x=local, y=rows["truth"], name="truth", line={"color": INK, "width": 1})
    figure.update_xaxes(rangeslider={"visible": True}, range=_first_weeks(local))
    return _layout(figure, "Forecast with interval against truth", page.unit).update_layout(legend={"y": 1.15})


def _first_weeks(local: pd.Series) -> list[Any]:
    return [local.min(), local.min() + pd.Timedelta(days=28)] if len(local) else []


def _candidates(page: Page) -> go.Figure:
    figure = go.Figure()
    figure.add_bar(x=page.candidates["family"], y=page.candidates["search_loss"], name="search window", marker={"color": PALE})
    figure.add_bar(
        x=page.candidates["family"], y=page.candidates["holdout_loss"], name="holdout (never tuned on)", marker={"color": CALM}
    )
    return _layout(figure, "Backtest of the candidates (mean absolute error)", page.unit)


def _table(steps: Sequence[dict[str, Any]]) -> str:
    head = "<tr><th>step</th><th>evidence</th><th>decision</th><th>seconds</th></tr>"
    rows = "".join(
        f"<tr><td>{escape(step['name'])}</td><td>{escape(step['evidence'])}</td><td>{escape(step['decision'])}</td>"
        f"<td>{step['seconds']:.1f}</td></tr>"
        for step in steps
    )
    return f"<table>{head}{rows}</table>"
