"""The story behind the pictures, in a real Prometheus: every panel has something to draw, and the alerts are those it should raise."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.grafana.boards import BOARDS
from monitoring.grafana.pictures import plot
from monitoring.grafana.pictures.drawing import draw_all, drawn, picture
from monitoring.grafana.pictures.told import END, told
from monitoring.grafana.prometheus import OwnPrometheus
from monitoring.grafana.provisioning import ROOT
from monitoring.grafana.rest import TITLE
from monitoring.marks import marks_of
from tests.conftest import missing

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPrometheus]:
    """One that has lived through the story."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        missing("Prometheus (apt-get install prometheus)")
    with told(tmp_path_factory.mktemp("story") / "prometheus") as running:
        yield running


def test_story__every_panel_that_was_drawn_by_hand_has_lines(prometheus: OwnPrometheus) -> None:
    panels = [(board, panel) for board in BOARDS for row in board.rows if row.title != TITLE for panel in row.panels]
    empty = [panel.title for board, panel in panels if panel.queries and not drawn(board, panel, prometheus).lines]
    assert empty == [], "tell it in monitoring/grafana/pictures"


def test_story__raises_the_alerts_that_it_should(prometheus: OwnPrometheus) -> None:
    found = prometheus.over("ALERTS", plot.START, END - timedelta(hours=1), timedelta(hours=1))
    days: dict[str, set[int]] = {}
    for series in found:
        told_on = {int((at - plot.START.timestamp()) // 86_400) for at, _ in series.points}
        days.setdefault(series.labels["alertname"], set()).update(told_on)
    assert plot.ROLLED_BACK - 1 in days["EvenkeelLossRatioBreach"], "the bad release"
    assert days["EvenkeelDataStale"] <= set(range(plot.LATE, plot.ARRIVED + 1)), "late data"
    assert plot.RETRAINED - 1 in days["EvenkeelLevelDrift"], "the shift"
    assert days["EvenkeelCoverageLow"] <= set(range(plot.NARROW, plot.RECALIBRATED + 1)), "narrow intervals"
    quiet = range(plot.BAD_RELEASE - 1)
    assert not [name for name, told_on in days.items() if told_on & set(quiet)], "nothing happens in the first week"


def test_story__its_ledger_marks_what_was_done() -> None:
    kinds = [(mark.kind, mark.action) for mark in marks_of(plot.ledger())]
    assert [action for kind, action in kinds if kind == "action"] == ["rollback", "retrain", "recalibrate"]
    assert [action for kind, action in kinds if kind == "release"] == ["promote", "promote"]
    assert len([kind for kind, _ in kinds if kind == "incident"]) == 4


def test_picture__is_drawn(prometheus: OwnPrometheus, tmp_path: Path) -> None:
    incidents = next(board for board in BOARDS if board.name == "incidents")
    assert picture(incidents, prometheus, tmp_path / "incidents.png").read_bytes().startswith(PNG)


@pytest.mark.full
def test_pictures__all_are_drawn(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        missing("Prometheus (apt-get install prometheus)")
    assert [file.name for file in draw_all(tmp_path / "made")] == [f"{board.name}.png" for board in BOARDS]


@pytest.mark.parametrize("board", [board.name for board in BOARDS])
def test_pictures__are_committed(board: str) -> None:
    assert (ROOT / "docs" / "dashboards" / f"{board}.png").read_bytes().startswith(PNG), (
        "run: python -m monitoring.grafana pictures"
    )
