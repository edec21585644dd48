"""A Prometheus that has lived through the story, with the alerts that its data set off."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np

from model_code.metrics import ALERTS
from monitoring.grafana.pictures import plot
from monitoring.grafana.pictures.loop_story import TIMES, loop_story
from monitoring.grafana.pictures.samples import Told, write
from monitoring.grafana.pictures.service_story import service_story
from monitoring.grafana.prometheus import OwnPrometheus, put_in
from monitoring.rules.ruleset import RECORDED

END = plot.START + timedelta(days=plot.DAYS)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@contextmanager
def told(folder: Path) -> Iterator[OwnPrometheus]:
    """A running Prometheus with the whole story.

    Args:
        folder: For its data; empty.

    Raises:
        PrometheusFailed: Prometheus or promtool is not installed, or failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _put(folder, "story", [*loop_story(), *service_story()])
    for name, derive in (("recorded", _recorded), ("alerts", _alerts)):  # alerts may be about what is recorded
        with OwnPrometheus(folder) as running:
            derived = list(derive(running))
        _put(folder, name, derived)
    with OwnPrometheus(folder) as running:
        yield running


def _put(folder: Path, name: str, series: Iterable[Told]) -> None:
    write(series, folder / f"{name}.om")
    put_in(folder, folder / f"{name}.om")


def _recorded(prometheus: OwnPrometheus) -> Iterator[Told]:
    """What the recording rules would have kept of the service's day, minute by minute."""
    for name, question in RECORDED.items():
        for series in prometheus.over(question, END - DAY, END - MINUTE, MINUTE):
            times, values = np.array(series.points).T
            yield Told(name, series.labels, times, values)


def _alerts(prometheus: OwnPrometheus) -> Iterator[Told]:
    """`ALERTS` as the catalogue's expressions would have set it, hour by hour."""
    for alert in ALERTS.values():
        for series in prometheus.over(alert.expression, plot.START, END - HOUR, HOUR):
            labels = {"alertname": alert.name, "alertstate": "firing", "severity": alert.severity} | dict(series.labels)
            firing = np.isin(TIMES, [at for at, _ in series.points])
            yield Told("ALERTS", labels, TIMES, np.where(firing, 1.0, np.nan))
