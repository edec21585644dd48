"""New intervals for the champion: made of what was known, judged on what was not, killed anywhere, asked twice."""

from pathlib import Path

import pytest

from model_code.errors import BundleError
from model_code.installation import Installation
from model_code.promotion import STEPS, Promoter
from model_code.recalibration import backtested_by
from model_code.reproduce import reproduce
from monitoring.acting import Request
from monitoring.recalibrating import recalibrate
from monitoring.releases import actions_of
from tests.flows.small import LATER, NAME, PEOPLE, Stages, champion_of, state

REQUEST = Request(**PEOPLE)  # type: ignore[arg-type]
PLAIN = Request("monitor", "coverage slipped")


class Died(BaseException):
    """As sudden as SIGKILL: nothing catches it."""


def answered(stages: Stages, home: Path) -> Installation:
    """Twelve days in another world, each origin answered by the champion."""
    return stages.copy("answered", home)


def test_recalibrate__same_model_with_other_intervals_becomes_champion(stages: Stages, tmp_path: Path) -> None:
    place = answered(stages, tmp_path / "home")
    before = champion_of(place)

    done = recalibrate(place, place.present(LATER), REQUEST)

    after = champion_of(place)
    assert done.entry is not None
    assert (done.entry.action, done.entry.from_version, done.entry.to_version) == ("recalibrate", "2", "3")
    models = [{name: sha for name, sha in each.manifest.files.items() if name.startswith("model/")} for each in (before, after)]
    assert models[0] == models[1]
    assert after.calibration != before.calibration
    assert after.profile["recalibrated"]["from"] == before.hash
    assert place.registry.version_of(NAME, "previous") == "2"
    with pytest.raises(BundleError, match="with other intervals"):
        reproduce(place, "3")


def test_recalibrate__judges_on_origins_that_it_was_not_fitted_on(stages: Stages, tmp_path: Path) -> None:
    place = answered(stages, tmp_path / "home")

    made = recalibrate(place, place.present(LATER), REQUEST).made

    assert made is not None
    scores = made.scores
    assert made.verdict.better
    assert scores["covered_challenger"].mean() > scores["covered_champion"].mean()
    assert scores["challenger"].mean() < scores["champion"].mean()
    # The first origin of the other world could not be known: there its intervals are as bad as those that were served.
    first = scores.iloc[0]
    assert first["challenger"] == pytest.approx(first["champion"], rel=0.25)


def test_recalibrate__without_anything_answered_since_keeps_the_intervals(stages: Stages, tmp_path: Path) -> None:
    place = answered(stages, tmp_path / "home")
    recalibrate(place, place.present(LATER), REQUEST)

    again = recalibrate(place, place.present(LATER), Request("somebody else", "once more", force=True))

    assert again.entry is None
    (told,) = [entry.reason for entry in place.ledger.entries(NAME) if entry.phase == "note"]
    assert told.startswith("kept the intervals: 0 paired origins")
    assert [each.action for each in actions_of(place.ledger.entries(NAME))] == ["recalibrate", "recalibrate"]


def test_backtested_by__gives_the_latest_origins_before_the_training(stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")
    champion = champion_of(place)

    found = backtested_by(champion, place.store, 5)

    assert found["origin"].nunique() == 5
    assert found["origin"].max() < champion.manifest.trained_until
    assert backtested_by(champion, place.store, 0).empty


def test_recalibrate__unless_forced_the_policy_decides(stages: Stages, tmp_path: Path) -> None:
    place = answered(stages, tmp_path / "home")

    done = recalibrate(place, place.present(LATER), PLAIN)

    assert done.declined
    assert champion_of(place).profile.get("recalibrated") is None


@pytest.mark.parametrize("last", [pytest.param(step, marks=() if step == "champion" else pytest.mark.full) for step in STEPS])
def test_recalibrate__asked_again_after_dying_moves_once(stages: Stages, tmp_path: Path, last: str) -> None:
    died, undisturbed = (answered(stages, tmp_path / name) for name in ("died", "undisturbed"))
    now = died.present(LATER)

    def die(step: str) -> None:
        if step == last:
            raise Died

    died.promoter = Promoter(died.registry, died.ledger, died.pointers, after_step=die)
    with pytest.raises(Died):
        recalibrate(died, now, REQUEST)

    again = recalibrate(Installation(died.usecase, died.settings), now, REQUEST)

    first = recalibrate(undisturbed, now, REQUEST)
    assert again.entry is not None
    assert first.entry is not None
    assert again.entry.to_version == first.entry.to_version == "3"
    assert state(died) == state(undisturbed)
