"""Drills of the exporter: killed, cut off from its database, drowned in series, pointed at the wrong place."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.stack import LocalStack
from model_code import sql
from model_code.metrics.labels import LABELS
from model_code.metrics.promql import EXPORTER_JOB
from model_code.settings import Settings
from monitoring.gauges import Gauge, GaugeStore
from tests.conftest import free_port
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.scrape import Scrape

NAME = "demand"
EXPORTER = ("exporter",)


class Exporting:
    """An installation's exporter, started and stopped as `make up` and `make down` do it."""

    def __init__(self, home: Path, **given: str) -> None:
        self.settings = Settings(home=home, exporter_port=free_port(), **given)  # type: ignore[arg-type]
        self.stack = LocalStack(self.settings)

    def scrape(self) -> Scrape:
        return Scrape.of(EXPORTER_JOB, f"http://{self.settings.host}:{self.settings.exporter_port}")

    def monitored(self, entities: int = 1) -> None:
        """As a monitor run leaves it."""
        engine = sql.engine(self.settings.sql)
        gauges = [Gauge(NAME, "evenkeel_loss_ratio", 1.0, {"series": f"entity {number}"}) for number in range(entities)]
        GaugeStore(engine).write(NAME, gauges, datetime.now(UTC))
        GaugeStore(engine).record_success(NAME, "monitor", datetime.now(UTC))
        engine.dispose()

    def execute(self, statement: str) -> None:
        engine = sql.engine(self.settings.sql)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporting]:
    made = Exporting(tmp_path_factory.mktemp("exporting"))
    made.monitored()
    made.stack.up(EXPORTER)
    yield made
    made.stack.down()


def test_runbook__exporter_down(exporting: Exporting) -> None:
    (running,) = exporting.stack.status(EXPORTER)
    os.kill(running.pid or 0, signal.SIGKILL)
    broken = exporting.scrape()

    exporting.stack.up(EXPORTER)

    prove("EvenkeelExporterDown", [broken], [exporting.scrape()], job=EXPORTER_JOB)


def test_runbook__exporter_stale(exporting: Exporting) -> None:
    exporting.scrape()
    exporting.execute("ALTER TABLE gauges RENAME TO away")
    broken = exporting.scrape()

    exporting.execute("ALTER TABLE away RENAME TO gauges")

    assert broken.up
    prove("EvenkeelExporterStale", [broken.later(120)], [exporting.scrape()], job=EXPORTER_JOB)


def test_runbook__series_dropped(exporting: Exporting) -> None:
    exporting.monitored(entities=LABELS["series"].most + 5)
    broken = exporting.scrape()

    exporting.monitored()

    assert broken.value("evenkeel_exporter_dropped_series") == 5
    prove("EvenkeelSeriesDropped", [broken], [exporting.scrape()])


def test_runbook__nothing_watched(exporting: Exporting, tmp_path: Path) -> None:
    astray = Exporting(tmp_path)
    astray.stack.up(EXPORTER)
    broken = astray.scrape()
    astray.stack.down()

    corrected = Exporting(tmp_path, sql_url=exporting.settings.sql)
    corrected.stack.up(EXPORTER)
    mended = corrected.scrape()
    corrected.stack.down()

    assert broken.up
    prove("EvenkeelNothingWatched", [broken], [mended], flow="monitor")
