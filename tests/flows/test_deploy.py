"""The flow `deploy` beside somebody else's rollout."""

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from flows.deploy import deployed
from model_code.installation import Installation
from services.rollout.base import Busy
from tests.flows.small import NAME, Stages
from tests.pretended_target import PretendedTarget


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Installation:
    return stages.copy("promoted", tmp_path / "home")


def test_deployed__waits_for_somebody_elses_deploy(place: Installation) -> None:
    target = PretendedTarget(place.pointers, {})
    theirs = [Busy("another rollout is going on"), Busy("another rollout is going on")]

    def busy() -> None:
        if theirs:
            raise theirs.pop()

    target.on["deploy"] = busy
    with disable_run_logger():
        status = deployed(place, target, None)

    assert (status.usecase, target.asked) == (NAME, ["deploy"] * 3)


def test_deployed__gives_up_on_a_rollout_that_takes_its_time(place: Installation) -> None:
    target = PretendedTarget(place.pointers, {})
    target.on["deploy"] = lambda: target.lock(NAME).__enter__()

    with target.lock(NAME), disable_run_logger(), pytest.raises(Busy, match="another rollout"):
        deployed(place, target, None, patience=0.0)
