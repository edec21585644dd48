"""A rollback or retrain that died after any step of its promotion, asked for again: the end is that of one request."""

from pathlib import Path

import pytest

from model_code.errors import BundleError, PromotionRefused
from model_code.installation import Installation
from model_code.promotion import STEPS, Promoter
from monitoring import acting
from tests.flows.small import LATER, NAME, PEOPLE, Stages, champion_of, state

REQUEST = acting.Request(**PEOPLE)


class Died(BaseException):
    """As sudden as SIGKILL: nothing catches it."""


def dying(place: Installation, last: str) -> Installation:
    """The same installation, whose promoter dies after that step."""

    def die(step: str) -> None:
        if step == last:
            raise Died

    place.promoter = Promoter(place.registry, place.ledger, place.pointers, after_step=die)
    return place


@pytest.mark.parametrize("last", STEPS)
def test_roll_back__asked_again_after_dying_goes_back_once(stages: Stages, tmp_path: Path, last: str) -> None:
    died, undisturbed = (stages.copy("promoted", tmp_path / name) for name in ("died", "undisturbed"))
    now = died.present(None)
    with pytest.raises(Died):
        acting.roll_back(dying(died, last), now, REQUEST)

    again = acting.roll_back(Installation(died.usecase, died.settings), now, REQUEST)

    first = acting.roll_back(undisturbed, now, REQUEST)
    assert (again.declined, again.entry.to_version) == (first.declined, first.entry.to_version) == (False, "1")
    assert state(died) == state(undisturbed)


@pytest.mark.parametrize("last", ["intent", "done"])
def test_retrain__asked_again_after_dying_keeps_its_note(stages: Stages, tmp_path: Path, last: str) -> None:
    died, undisturbed = (stages.copy("changed", tmp_path / name) for name in ("died", "undisturbed"))
    now = died.present(LATER)
    with pytest.raises(Died):
        acting.retrain(dying(died, last), now, REQUEST)

    again = acting.retrain(Installation(died.usecase, died.settings), now, REQUEST)

    first = acting.retrain(undisturbed, now, REQUEST)
    assert (again.declined, again.entry.to_version) == (first.declined, first.entry.to_version) == (False, "3")
    assert state(died) == state(undisturbed)


def test_roll_back__for_another_reason_is_another_request(stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")
    now = place.present(None)
    acting.roll_back(place, now, REQUEST)

    with pytest.raises(PromotionRefused, match="no previous version"):
        acting.roll_back(place, now, acting.Request(REQUEST.actor, "further back", force=True))


def damage(place: Installation, version: str) -> None:
    """A file of the version's bundle is not what it was."""
    (place.bundles.folder / place.registry.bundle_of(NAME, version) / "golden.json").write_text("{}")


def test_roll_back__from_a_champion_that_cannot_be_read_needs_a_person_who_forces_it(stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")
    now = place.present(None)
    damage(place, "2")
    with pytest.raises(BundleError, match="was altered"):
        acting.roll_back(place, now, acting.Request("monitor", "by itself"))

    done = acting.roll_back(place, now, REQUEST)

    assert done.entry is not None
    assert (done.entry.from_version, done.entry.to_version, done.entry.reason) == ("2", "1", REQUEST.reason)
    assert champion_of(place).hash == place.registry.bundle_of(NAME, "1")


def test_roll_back__to_a_version_that_cannot_be_read_either_moves_nothing(stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")
    damage(place, "1")
    damage(place, "2")

    with pytest.raises(BundleError, match="was altered"):
        acting.roll_back(place, place.present(None), REQUEST)

    assert place.registry.version_of(NAME, "champion") == "2"
