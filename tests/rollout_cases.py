"""What every target of a rollout does: one suite, run against each of them."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from model_code.errors import RolloutError
from model_code.installation import Installation
from services.client import ForecastClient
from services.forecaster.messages import ModelAnswer
from services.rollout.base import Busy, Target, Track, Wanted


@dataclass
class Stand:
    """A target with two releases to put on it.

    Attributes:
        place: The installation with both versions; the pointer is its.
        open: Another object of the target, as another program would have it.
        first: A release.
        second: Another one.
        key: What the service asks for; None for nothing.
        timeout: Seconds that a verb may take.
    """

    place: Installation
    open: Callable[[], Target]
    first: Wanted
    second: Wanted
    key: str | None
    timeout: float

    def __post_init__(self) -> None:
        self.target = self.open()
        self.usecase = self.first.usecase

    def point_at(self, wanted: Wanted) -> None:
        """What a promotion ends with."""
        self.place.pointers.move(self.usecase, wanted.bundle, None)

    def deployed(self, wanted: Wanted) -> None:
        """That release in front, alone."""
        self.target.withdraw(self.usecase, timeout=self.timeout)
        self.point_at(wanted)
        self.target.deploy(wanted, timeout=self.timeout)

    def staged(self, wanted: Wanted) -> None:
        """That release as a canary."""
        self.target.stage(wanted, "canary", timeout=self.timeout)

    def model(self, track: Track = "stable") -> ModelAnswer:
        """What the track itself says."""
        with self.target.endpoint(self.usecase, track) as url, ForecastClient(url, key=self.key) as client:
            return client.model()


class RolloutCases:
    """Subclasses give the fixture `stand`."""

    def test_deploy__is_refused_for_a_bundle_that_nobody_promoted(self, stand: Stand) -> None:
        stand.point_at(stand.second)

        with pytest.raises(RolloutError, match="promote the version first"):
            stand.target.deploy(stand.first, timeout=stand.timeout)

    def test_deploy__serves_what_the_pointer_wants_and_again_changes_nothing(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        before = stand.target.status(stand.usecase)

        again = stand.open().deploy(stand.first, timeout=stand.timeout)

        assert again == before
        assert before.ready
        assert before.differs == ()
        assert [(each.track, each.version, each.bundle) for each in before.tracks] == [("stable", "1", stand.first.bundle)]
        assert stand.model().bundle == stand.first.bundle

    def test_stage__answers_beside_stable_with_its_own_bundle_and_no_requests(self, stand: Stand) -> None:
        stand.deployed(stand.first)

        stand.staged(stand.second)
        again = stand.open().stage(stand.second, "canary", timeout=stand.timeout)

        canary = again.track("canary")
        assert canary is not None
        assert (canary.version, canary.bundle, canary.ready, canary.weight or 0) == ("2", stand.second.bundle, True, 0)
        assert (stand.model().bundle, stand.model("canary").bundle) == (stand.first.bundle, stand.second.bundle)
        assert stand.model("canary").pinned

    def test_stage__of_a_bundle_that_does_not_exist_leaves_what_answers(self, stand: Stand) -> None:
        stand.deployed(stand.first)

        with pytest.raises(RolloutError, match="refused"):
            stand.target.stage(
                stand.second.model_copy(update={"version": "9", "bundle": "9" * 64}), "shadow", timeout=stand.timeout
            )

        found = stand.target.status(stand.usecase)
        assert found.track("shadow") is None
        assert found.ready
        assert stand.model().bundle == stand.first.bundle

    def test_traffic__goes_to_the_canary_where_the_target_can_share_it_out(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        stand.staged(stand.second)

        if not stand.target.weighted:
            with pytest.raises(RolloutError, match="20 %"):
                stand.target.traffic(stand.usecase, 20)
            return
        shared = stand.target.traffic(stand.usecase, 20)
        every = stand.target.traffic(stand.usecase, 100)
        back = stand.open().traffic(stand.usecase, 0)

        assert [each.weight for each in shared.tracks] == [80, 20]
        assert [(each.weight, each.ready) for each in every.tracks] == [(0, True), (100, True)]
        assert (every.differs, stand.model().bundle) == ((), stand.first.bundle)
        assert [each.weight for each in back.tracks] == [100, 0]
        assert back.differs == ()

    def test_promote__puts_the_canary_in_front_and_again_changes_nothing(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        stand.staged(stand.second)
        stand.point_at(stand.second)

        promoted = stand.target.promote(stand.usecase, timeout=stand.timeout)
        again = stand.open().promote(stand.usecase, timeout=stand.timeout)

        assert [(each.track, each.version, each.ready) for each in promoted.tracks] == [("stable", "2", True)]
        assert again == promoted
        assert stand.model().bundle == stand.second.bundle

    def test_promote__before_the_pointer_wants_it_is_refused(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        stand.staged(stand.second)

        with pytest.raises(RolloutError, match="promote the version first"):
            stand.target.promote(stand.usecase, timeout=stand.timeout)

        assert stand.model().bundle == stand.first.bundle

    def test_withdraw__ends_what_was_staged_and_nothing_to_end_is_fine(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        stand.staged(stand.second)

        stand.target.withdraw(stand.usecase, timeout=stand.timeout)
        found = stand.open().withdraw(stand.usecase, timeout=stand.timeout)

        assert [each.track for each in found.tracks] == ["stable"]
        assert stand.model().bundle == stand.first.bundle
        with pytest.raises(RolloutError):
            stand.model("canary")

    def test_lock__is_held_by_one_rollout(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        other = stand.open()

        with stand.target.lock(stand.usecase):
            with pytest.raises(Busy, match="another rollout"):
                other.deploy(stand.first, timeout=stand.timeout)
            stand.target.deploy(stand.first, timeout=stand.timeout)

        assert other.deploy(stand.first, timeout=stand.timeout).ready

    def test_status__says_that_the_pointer_wants_something_else(self, stand: Stand) -> None:
        stand.deployed(stand.first)

        stand.point_at(stand.first.model_copy(update={"bundle": "8" * 64}))
        found = stand.target.status(stand.usecase)
        stand.point_at(stand.first)

        assert any("the pointer wants" in each and "8888" in each for each in found.differs), found

    def test_rollback__returns_to_the_release_before_once(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        stand.deployed(stand.second)
        if not stand.target.history(stand.usecase):
            with pytest.raises(RolloutError, match="no earlier releases"):
                stand.target.rollback(stand.usecase, timeout=stand.timeout)
            return
        stand.point_at(stand.first)

        back = stand.target.rollback(stand.usecase, timeout=stand.timeout)
        again = stand.open().rollback(stand.usecase, timeout=stand.timeout)

        assert again == back
        assert [(each.version, each.image) for each in back.tracks] == [("1", stand.first.image)]
        newest = stand.target.history(stand.usecase)[0]
        assert (newest.version, newest.bundle, newest.state) == ("1", stand.first.bundle, "deployed")

    def test_stop__ends_all_of_it_and_nothing_is_fine(self, stand: Stand) -> None:
        stand.target.stop(stand.usecase)
        stand.target.stop(stand.usecase)

        assert stand.target.status(stand.usecase).tracks == ()
        with pytest.raises(RolloutError):
            stand.model()
