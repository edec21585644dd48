"""Decisions follow the data: injections are moved, resized and taken away, and nothing but time and data tells the loop.

Victoria's live weeks from July to November through the real loop (`simulation.py`), the days chosen by seeds.
"""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.demo.scenario import COLD, HOLIDAY, BadRelease
from flows.drill.loop import Look
from model_code.data.refresh import refresh
from model_code.data.sources import make_source
from model_code.data.world import LevelShift
from model_code.installation import Installation
from model_code.retraining import Retrained
from monitoring import acting
from monitoring.judgement import look
from tests.loop.conftest import QUIET
from tests.loop.simulation import Simulation

pytestmark = pytest.mark.xdist_group("loop")  # one home with a first model serves them all

DAY = timedelta(days=1)
MIDNIGHT = datetime.fromisoformat("2014-07-01T00:00:00+10:00")
TWO = timedelta(hours=2)  # looks are at two o'clock, when the day before is told


def on(day: str) -> datetime:
    """A midnight of 2014 where the data are."""
    return datetime.fromisoformat(f"2014-{day}T00:00:00+10:00")


def shift(day: datetime, factor: float) -> LevelShift:
    return LevelShift(feed="demand", column="demand", start=day, factor=factor)


def played(started: Path, folder: Path, **changes: object) -> Simulation:
    simulation = Simulation(started, folder / "home", QUIET.model_copy(update=changes))
    simulation.play()
    return simulation


def told(looks: list[Look]) -> str:
    """For the message of a failed test."""
    return "\n".join(map(str, looks))


def within(look: Look, start: datetime, origins: int, tick: timedelta) -> bool:
    """Whether a look came when so many origins since `start` were told, or at the first chance after that."""
    return pd.Timestamp(start) < look.now <= pd.Timestamp(start) + origins * DAY + TWO + tick


def test_refresh__the_whole_world_at_once_is_known_as_if_day_by_day(started: Path, tmp_path: Path) -> None:
    whole = Simulation(started, tmp_path / "home", QUIET).place
    daily = Installation(whole.usecase, whole.settings.model_copy(update={"store_url": str(tmp_path / "daily")}))
    ends = [on("05-20") + TWO + day * DAY for day in range(8)]
    for now in ends:
        for feed in daily.usecase.spec.feeds:
            refresh(daily.usecase, feed, make_source(daily.usecase, feed, daily.settings), daily.store, now)
        for feed in daily.usecase.spec.feeds:
            seen, expected = (place.store.as_of(whole.usecase.name, feed, now) for place in (daily, whole))
            pd.testing.assert_frame_equal(seen, expected)


def test_look__held_without_injections_by_a_plain_installation_too(started: Path, tmp_path: Path) -> None:
    simulation = played(started, tmp_path, end=on("07-25") + TWO)
    plain = Installation(simulation.place.usecase, simulation.place.settings)
    last = simulation.looks[-1]
    assert look(plain, last.now).evidence == last.seen.evidence


def test_loop__holds_without_injections(started: Path, tmp_path: Path) -> None:
    simulation = played(started, tmp_path, calm=2 * DAY)
    assert simulation.actions == [], told(simulation.actions)
    for start, end in (COLD, HOLIDAY):
        judged = {pd.Timestamp(point.origin) for look in simulation.looks for point in look.seen.evidence.series[0].origins}
        assert {pd.Timestamp(start) + n * DAY for n in range((end - start).days)} <= judged


def test_loop__rolls_back_a_bad_release_and_retrains_after_a_shift_whenever_they_come(started: Path, tmp_path: Path) -> None:
    chance = np.random.default_rng(11)
    bad = BadRelease(at=on("07-08") + TWO + int(chance.integers(20)) * DAY, scale=float(chance.uniform(1.15, 1.4)))
    moved = shift(on("08-25") + int(chance.integers(46)) * DAY, float(chance.uniform(0.83, 0.88)))
    simulation = played(started, tmp_path, bad_release=bad, level_shift=moved, calm=2 * DAY)
    deadline = simulation.place.usecase.spec.policy.detection_deadline
    back, *retrained = simulation.actions
    assert (back.verdict.action, back.verdict.to_version) == ("rollback", "1"), told(simulation.actions)
    assert within(back, bad.at, 4, 2 * DAY)
    assert {look.verdict.action for look in retrained} == {"retrain"}, told(simulation.actions)
    assert within(retrained[0], moved.start, deadline, 2 * DAY)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, 8])
def test_loop__holds_without_injections_looking_every_day(seed: int, started: Path, tmp_path: Path) -> None:
    simulation = played(started, tmp_path, calm=DAY, soon=DAY, seed=seed)
    assert simulation.actions == [], told(simulation.actions)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seed", "scale"), [(21, 0.75), (22, 1.15), (23, 1.5)])
def test_loop__rolls_back_a_bad_release_once(seed: int, scale: float, started: Path, tmp_path: Path) -> None:
    bad = BadRelease(at=on("07-08") + TWO + int(np.random.default_rng(seed).integers(110)) * DAY, scale=scale)
    simulation = played(started, tmp_path, bad_release=bad, calm=DAY, soon=DAY)
    (back,) = simulation.actions
    assert (back.verdict.action, back.verdict.to_version) == ("rollback", "1"), told(simulation.actions)
    assert within(back, bad.at, 3, DAY)
    assert (simulation.champion, simulation.released) == ("1", "2")


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seed", "scale"), [(31, 1.0), (32, 1.01)])
def test_loop__keeps_a_harmless_release(seed: int, scale: float, started: Path, tmp_path: Path) -> None:
    release = BadRelease(at=on("07-08") + TWO + int(np.random.default_rng(seed).integers(110)) * DAY, scale=scale)
    simulation = played(started, tmp_path, bad_release=release, calm=2 * DAY)
    assert simulation.actions == [], told(simulation.actions)
    assert simulation.champion == simulation.released == "2"


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seed", "factor"), [(41, 0.85), (42, 0.85), (43, 0.88), (44, 1.15), (45, 0.88)])
def test_loop__retrains_in_time_after_a_shift(seed: int, factor: float, started: Path, tmp_path: Path) -> None:
    moved = shift(on("08-25") + int(np.random.default_rng(seed).integers(46)) * DAY, factor)
    simulation = played(started, tmp_path, level_shift=moved, calm=DAY, soon=DAY)
    policy = simulation.place.usecase.spec.policy
    assert {look.verdict.action for look in simulation.actions} == {"retrain"}, told(simulation.actions)
    assert within(simulation.actions[0], moved.start, policy.detection_deadline, DAY)
    promoted = [
        look.acted for look in simulation.actions if isinstance(look.acted, acting.Acted) and look.acted.entry is not None
    ]
    for acted in promoted:
        assert isinstance(acted.made, Retrained)
        judged = acted.made.losses
        assert judged["challenger"].mean() < judged["champion"].mean()


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seed", "factor"), [(51, 0.985), (52, 1.015)])
def test_loop__holds_where_a_shift_is_too_small_to_matter(seed: int, factor: float, started: Path, tmp_path: Path) -> None:
    moved = shift(on("08-25") + int(np.random.default_rng(seed).integers(46)) * DAY, factor)
    simulation = played(started, tmp_path, level_shift=moved, calm=2 * DAY)
    assert simulation.actions == [], told(simulation.actions)
