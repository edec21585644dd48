"""Drills of data that stop, come damaged or come late, and of forecasts and looks that were not made."""

import pytest
import sqlalchemy as sa

from monitoring.gauges import TABLE
from tests.monitoring.runbooks.happening import away, since, without
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.world import DAY, NAME, World


@pytest.mark.full
def test_runbook__nothing_comes_for_days(world: World) -> None:
    world.live(3)
    world.changes.append(away)
    world.now += 5 * DAY
    assert "does not answer" in world.refresh()["load"]
    broken = world.look()

    world.changes.clear()
    assert world.refresh() == {}
    world.forecast()
    mended = world.look()

    prove("EvenkeelDataStale", [broken], [mended], usecase=NAME)
    prove("EvenkeelTruthStale", [broken], [mended], usecase=NAME)
    prove("EvenkeelPredictionsStale", [broken], [mended], usecase=NAME)


def test_runbook__nothing_scored(world: World) -> None:
    for _ in range(4):
        world.now += DAY
        world.refresh()
    broken = world.look()

    assert world.forecast() == 4
    mended = world.look()

    prove("EvenkeelNothingScored", [broken], [mended], usecase=NAME)


def test_runbook__monitor_not_run(world: World) -> None:
    world.live(1)
    world.look()
    world.now += 3 * DAY
    broken = world.exported()

    mended = world.look()

    prove("EvenkeelMonitorNotRun", [broken], [mended], usecase=NAME)


def test_runbook__a_use_case_that_was_retired(world: World) -> None:
    world.live(1)
    world.look()
    world.now += 3 * DAY
    broken = world.exported()

    with world.place.sql.begin() as connection:
        connection.execute(sa.delete(TABLE).where(TABLE.c.usecase == NAME))

    prove("EvenkeelMonitorNotRun", [broken], [world.exported()], usecase=NAME)


def test_runbook__metric_missing(world: World) -> None:
    world.live(2)
    world.look()
    with world.place.sql.begin() as connection:
        connection.execute(sa.delete(TABLE).where(TABLE.c.name == "evenkeel_coverage"))
    broken = world.exported()

    mended = world.look()

    prove("EvenkeelMetricMissing", [broken], [mended], usecase=NAME, metric="evenkeel_coverage")


@pytest.mark.full
def test_runbook__report_stale(world: World) -> None:
    world.live(9)
    world.look(report=True)
    world.now += 16 * DAY
    broken = world.look()

    world.live(1)
    mended = world.look(report=True)

    prove("EvenkeelReportStale", [broken], [mended], usecase=NAME)


def test_runbook__report_stale_where_none_was_ever_made(world: World) -> None:
    world.now += 16 * DAY
    world.refresh()
    broken = world.look()

    world.live(1)
    mended = world.look(report=True)

    prove("EvenkeelReportStale", [broken], [mended], usecase=NAME)


@pytest.mark.full
def test_runbook__a_sensor_that_is_stuck(world: World) -> None:
    world.live(3)
    began = world.now
    world.changes.append(since(began, lambda rows: 0 * rows["load"] + 51.0, "north"))
    world.live(2)
    broken = world.look()

    world.changes.clear()
    world.backfill(began)
    mended = world.look()

    prove("EvenkeelDataFault", [broken], [mended], usecase=NAME, kind="stuck")


@pytest.mark.full
def test_runbook__a_sign_that_is_turned_around(world: World) -> None:
    began = world.now
    world.changes.append(since(began, lambda rows: -rows["load"]))
    world.live(3)
    broken = world.look()

    world.changes.clear()
    world.backfill(began)
    mended = world.look()

    prove("EvenkeelQuarantineHigh", [broken], [mended], usecase=NAME)


@pytest.mark.full
def test_runbook__a_column_that_is_mostly_missing(world: World) -> None:
    world.live(3)
    began = world.now
    world.changes.append(without(began, began + 5 * DAY))
    world.live(7)
    broken = world.look(report=True)

    world.changes.clear()
    world.backfill(began)
    world.live(8)
    mended = world.look(report=True)

    prove("EvenkeelColumnMissing", [broken], [mended], usecase=NAME, column="yesterday")
