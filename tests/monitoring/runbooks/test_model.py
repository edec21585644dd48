"""Drills of a model that went wrong, or whose world did: rolled back, recalibrated, or its data put right."""

import numpy as np
import pandas as pd
import pytest

from flows.demo.operator import Extract
from monitoring import acting
from monitoring.acting import Request
from monitoring.recalibrating import recalibrate
from tests.monitoring.runbooks.happening import since
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.world import DAY, NAME, RIDGE, World

REQUEST = Request("a person", "its runbook says so", force=True)
NORTH = {"usecase": NAME, "series": "north"}
NIGHT = 2  # an hour of the forecast


@pytest.mark.full
def test_runbook__a_bad_release(world: World) -> None:
    world.live(3)
    extract = Extract.load(world.place.usecase, world.place.store, world.now)
    extract.scale = 1.5
    world.release(RIDGE, extract)
    world.live(7)
    broken = world.look(report=True)

    done = acting.roll_back(world.place, world.now, Request("a person"))
    world.live(8)
    mended = world.look(report=True)

    assert done.entry is not None
    prove("EvenkeelLossRatioBreach", [broken], [mended], **NORTH)
    prove("EvenkeelBadOrigins", [broken], [mended], **NORTH)
    prove("EvenkeelQualityBreach", [broken], [mended], usecase=NAME)
    prove("EvenkeelActionWanted", [broken], [mended], usecase=NAME, verdict="rollback")
    prove("EvenkeelPolicyPages", [broken], [mended], usecase=NAME)


@pytest.mark.full
def test_runbook__data_that_mean_something_else(world: World) -> None:
    began = world.now
    world.changes.append(since(began, lambda rows: rows["load"] * 1.6))
    world.live(8)
    broken = world.look(report=True)

    world.changes.clear()
    world.backfill(began)
    corrected = world.look()
    world.live(9)
    mended = world.look(report=True)

    prove("EvenkeelLevelDrift", [broken], [corrected], **NORTH)
    prove("EvenkeelLossRatioBreach", [corrected], [mended], **NORTH)
    prove("EvenkeelInputsShifted", [broken], [mended], usecase=NAME, test="auc")
    prove("EvenkeelEvidentlyShareHigh", [broken], [mended], usecase=NAME)


@pytest.mark.full
def test_runbook__errors_that_spread(world: World) -> None:
    world.changes.append(since(world.now, lambda rows: rows["load"] + 8 * _signs(rows)))
    world.live(12)
    narrow = world.look()
    world.now += 2 * DAY
    world.forecast()
    waiting = world.look()

    world.refresh()
    told = world.look()
    done = recalibrate(world.place, world.now, REQUEST)
    world.live(8)
    wider = world.look()

    assert done.entry is not None
    prove("EvenkeelEstimatedLossHigh", [waiting], [told], usecase=NAME)
    prove("EvenkeelCoverageLow", [narrow], [wider], **NORTH)


@pytest.mark.full
def test_runbook__one_hour_that_goes_its_own_way(world: World) -> None:
    world.changes.append(
        since(world.now, lambda rows: rows["load"] + 12 * _signs(rows) * (rows["time"].dt.hour == NIGHT).to_numpy())
    )
    world.live(14)
    broken = world.look()

    world.changes.clear()
    world.live(3)
    world.release(RIDGE)
    world.live(8)
    mended = world.look()

    prove("EvenkeelSliceDeparts", [broken], [mended], usecase=NAME, dimension="hour", value=f"{NIGHT:02}")


def _signs(rows: pd.DataFrame) -> np.ndarray:
    """Plus or minus one, as good as by chance, and always the same for the same hour."""
    hours = rows["time"].astype("int64").to_numpy() / 3.6e9
    signs: np.ndarray = np.sign(np.sin(hours * 12.9898))
    return signs
