"""One bad place does not roll back all: an action about one entity changes what answers for it, and for nobody else."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.approval import pause_key
from flows.drill.answers import answer
from model_code.bundle import Bundle
from model_code.cases import build_cases
from model_code.data.fakes import FakeEia
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.origins import origins_between
from model_code.promotion import STEPS
from model_code.replay import replay
from model_code.standing import standing, standing_for
from monitoring import acting, judgement
from monitoring.consent import Proposal
from monitoring.recalibrating import recalibrate
from services.client import ForecastClient
from services.rollout.local.service import LocalService
from tests.flows.bad_release import FIRST_RELEASE, TREES, release, released_badly
from tests.flows.running import Runs
from tests.flows.small import NAME, PEOPLE, PRESENT, Stages, champion_of, eia_series, refresh_all
from tests.flows.test_acting import Died, dying

REQUEST = acting.Request("an alert", "the north is far off")
FORCED = acting.Request(**PEOPLE)  # type: ignore[arg-type]
SHIFTED = PRESENT + timedelta(days=6)


@pytest.fixture
def bad_north(stages: Stages, tmp_path: Path) -> Installation:
    """Version 2 is three times too high for the north, and good for the south."""
    return released_badly(stages, tmp_path / "home", only="north")


@pytest.fixture
def moved_north(stages: Stages, tmp_path: Path) -> Iterator[Installation]:
    """A version of trees reigns, which knows no level but those it saw; since `PRESENT` the north has another one."""
    place = stages.copy("refreshed", tmp_path / "home")
    first, now = pd.Timestamp(FIRST_RELEASE), pd.Timestamp(SHIFTED)
    version = release(place, place.history(first), TREES, first)
    with FakeEia(north_moved()) as fake:
        settings = place.settings.model_copy(update={"eia_url": fake.url, "eia_api_key": fake.key})
        moved = Installation(place.usecase, settings)
        refresh_all(moved, SHIFTED)
        answer_since(moved, version, first, now)
        yield moved


def north_moved() -> dict[str, pd.Series]:
    """The world of always, but that of the north is 20 MW higher since `PRESENT`."""
    found = eia_series()
    same = {
        name: found[f"{name}:DF"] + np.random.default_rng(number).normal(0, 1, len(found[name]))
        for number, name in enumerate("NS")
    }
    after = same["N"].index > PRESENT
    return found | {"N": same["N"] + 20.0 * after, "S": same["S"]}


def answer_since(place: Installation, version: str, since: pd.Timestamp, now: pd.Timestamp) -> None:
    """What the champion would have answered at each origin, kept."""
    for origin in origins_between(place.usecase.spec, since, now):
        place.predictions.add(answer(place, champion_of(place), version, origin, now))


def answers_of(place: Installation, bundle: Bundle, now: pd.Timestamp) -> "pd.Series[float]":
    """What a bundle says about the latest origins, by entity and time."""
    origins = origins_between(place.usecase.spec, now - pd.Timedelta(days=4), now)
    history = place.history(now)
    rows = replay(bundle, build_cases(bundle.usecase, history, origins), history.truth(now))
    return pd.Series(rows["value"].to_numpy(float), index=pd.MultiIndex.from_frame(rows[["entity", "time"]]))


def assert_composed(place: Installation, now: pd.Timestamp, north: str, south: str) -> None:
    """The champion answers for each place as these versions do, and for no other."""
    told = answers_of(place, champion_of(place), now)
    for entity, version in (("north", north), ("south", south)):
        wanted = answers_of(place, place.bundle_of(version), now)[entity]
        np.testing.assert_allclose(told[entity], wanted, rtol=1e-5)


def done_of(place: Installation) -> Entry:
    return [entry for entry in place.ledger.entries(NAME) if entry.phase == "done"][-1]


def test_look__blames_the_release_for_the_one_place_alone(bad_north: Installation) -> None:
    seen = judgement.look(bad_north, bad_north.present(None))

    assert seen.evidence.divisible
    assert (seen.verdict.action, seen.verdict.scope, seen.verdict.to_version) == ("rollback", ("north",), "1")


def test_roll_back__of_one_place_leaves_the_other_on_the_new_version(bad_north: Installation) -> None:
    now = bad_north.present(None)

    done = acting.roll_back(bad_north, now, REQUEST)

    assert done.entry is not None
    assert (done.entry.from_version, done.entry.to_version, done.entry.scope) == ("2", "3", ("north",))
    assert done.entry.evidence["parts"]["routing"] == {"base": "2", "routes": {"north": "1"}}  # type: ignore[index,call-overload]
    assert bad_north.registry.version_of(NAME, "champion") == "3"
    assert bad_north.registry.version_of(NAME, "previous") == "1"
    assert_composed(bad_north, now, north="1", south="2")


def test_roll_back__of_one_place_is_remembered_for_it_alone(bad_north: Installation) -> None:
    now = bad_north.present(None)
    acting.roll_back(bad_north, now, REQUEST)
    entries = bad_north.ledger.entries(NAME)

    assert (standing_for(entries, "north").good, standing_for(entries, "north").bad) == (("1",), {"2"})
    assert (standing_for(entries, "south").good, standing_for(entries, "south").bad) == (("1", "2"), frozenset())
    assert standing(entries).good == ("1", "3")
    after = judgement.look(bad_north, now)
    assert after.verdict.action == "hold"
    told = {series.name: series for series in after.evidence.series}
    assert len(told["north"].origins) == 0
    assert len(told["south"].origins) >= 4
    assert told["south"].part is not None
    assert (told["south"].part.version, told["south"].part.previous) == ("2", "1")


@pytest.mark.parametrize("last", STEPS)
def test_roll_back__of_one_place_asked_again_after_dying_is_done_once(bad_north: Installation, last: str) -> None:
    now = bad_north.present(None)
    with pytest.raises(Died):
        acting.roll_back(dying(bad_north, last), now, REQUEST)

    again = acting.roll_back(Installation(bad_north.usecase, bad_north.settings), now, REQUEST)

    assert again.entry is not None
    assert (again.entry.to_version, again.entry.scope) == ("3", ("north",))
    assert [entry.phase for entry in bad_north.ledger.entries(NAME)].count("done") == 3


def test_roll_back__of_all_afterwards_wins(bad_north: Installation) -> None:
    now = bad_north.present(None)
    acting.roll_back(bad_north, now, REQUEST)

    done = acting.roll_back(bad_north, now, FORCED)

    assert done.entry is not None
    assert (done.entry.to_version, done.entry.scope) == ("1", ())
    assert champion_of(bad_north).hash == bad_north.registry.bundle_of(NAME, "1")


def test_pause_key__what_was_answered_about_one_place_is_no_answer_about_another() -> None:
    def key(*scope: str) -> str:
        return pause_key(Proposal(NAME, "rollback", "2", "1", (), {"scope": list(scope)}, timedelta(hours=1)))

    assert key("north") == key("north")
    assert len({key(), key("north"), key("south"), key("north", "south")}) == 4


def test_pause_key__what_was_answered_about_one_version_is_no_answer_about_another() -> None:
    def key(champion: str, other: str | None) -> str:
        return pause_key(Proposal(NAME, "retrain", champion, other, (), {"scope": []}, timedelta(hours=1)))

    assert key("2", "3") == key("2", "3")
    assert len({key("2", "3"), key("2", "4"), key("4", "3"), key("2", None)}) == 4


def test_retrain__of_one_place_changes_it_alone(moved_north: Installation) -> None:
    now = moved_north.present(SHIFTED)
    seen = judgement.look(moved_north, now)
    assert (seen.verdict.action, seen.verdict.scope) == ("retrain", ("north",)), seen.verdict.reasons

    done = acting.retrain(moved_north, now, REQUEST)

    assert done.entry is not None, done.reason
    assert (done.entry.from_version, done.entry.to_version, done.entry.scope) == ("1", "3", ("north",))
    assert_composed(moved_north, now, north="2", south="1")
    notes = [entry for entry in moved_north.ledger.entries(NAME) if entry.action == "retrain"]
    assert [note.scope for note in notes] == [("north",)]


def test_recalibrate__of_one_place_changes_its_intervals_alone(bad_north: Installation) -> None:
    released = bad_north.present(None)
    acting.roll_back(bad_north, released, REQUEST)
    before = champion_of(bad_north)
    refresh_all(bad_north, PRESENT + timedelta(days=12))
    now = bad_north.present(PRESENT + timedelta(days=12))
    answer_since(bad_north, "3", released, now)

    done = recalibrate(bad_north, now, FORCED)

    after = champion_of(bad_north)
    assert done.entry is not None, done.reason
    assert (done.entry.scope, done.entry.to_version) == (("north",), "5")
    assert after.part_of("south").hash == before.part_of("south").hash
    north = after.part_of("north")
    assert north.profile["recalibrated"]["from"] == before.part_of("north").hash
    assert north.calibration != before.part_of("north").calibration


def test_rollback_flow__one_place_is_served_by_the_version_before(runs: Runs, bad_north: Installation) -> None:
    """The real flow moves the pointer; the real service process follows it within a second."""
    service = LocalService(bad_north.settings)
    try:
        service.deploy(bad_north.usecase)
        with ForecastClient(service.url) as client:
            before = client.forecast()
            runs.complete("rollback", bad_north)
            moved = done_of(bad_north)
            began = time.monotonic()
            service.wait_ready(str(moved.to_bundle))
            followed = time.monotonic() - began
            after = client.forecast()
    finally:
        service.stop()

    values = {
        name: {(each.entity, each.time): each.value for each in told.values}
        for name, told in (("before", before), ("after", after))
    }
    south = [key for key in values["after"] if key[0] == "south"]
    north = [key for key in values["after"] if key[0] == "north"]
    assert (moved.action, moved.scope, after.bundle, after.version) == ("rollback", ("north",), moved.to_bundle, "3")
    assert [values["after"][key] for key in south] == pytest.approx([values["before"][key] for key in south])
    assert max(values["after"][key] for key in north) < 100 < min(values["before"][key] for key in north)
    assert followed < 1.0
