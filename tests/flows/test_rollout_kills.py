"""Rollouts by the command line on this machine: killed at each step while callers ask, two at once, and a version that is not there."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from model_code.errors import EvenkeelError
from model_code.installation import Installation
from services.client import ForecastClient
from services.rollout.base import TargetStatus, Wanted
from services.rollout.local.process import ProcessFile
from services.rollout.local.target import LocalTarget
from tests.contenders import NAME, copy_of
from tests.contenders_served import Served
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("contenders"), pytest.mark.timeout(400)]
PATIENCE = 120.0
REPOSITORY = Path(__file__).parents[2]
SERVICE = ["-m", "services.forecaster"]
STABLE, CANARY, SHADOW = "stable", "canary", "shadow"


class Machine:
    """One use case on this machine, as its operator sees it."""

    def __init__(self, place: Installation, contenders: Served) -> None:
        self.place, self.target = place, LocalTarget(place.settings)
        self.champion, self.better = (
            Wanted(usecase=NAME, version=version, bundle=contenders.bundles[who])
            for version, who in (("1", "champion"), ("2", "better"))
        )

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        """`python -m services.rollout`, under way."""
        return subprocess.Popen(
            [sys.executable, "-m", "services.rollout", *arguments, "--usecase", NAME],
            env=os.environ | self.place.settings.environment(),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def holder(self) -> int | None:
        """Process that holds the lock, or held it last."""
        told = [file.read_text().split() for file in (self.place.settings.home / "run").glob(f"rollout-*-{NAME}.lock")]
        return int(told[0][1]) if told and told[0] else None

    def process(self, track: str) -> psutil.Process | None:
        """That of a track, by its file."""
        known = ProcessFile.read(self.place.settings.home / "run" / f"service-{self.place.settings.service_port}-{track}.json")
        return known.process() if known else None

    def services(self) -> int:
        """How many services of this installation run, told of or not."""
        home = str(self.place.settings.home)
        running = [each for each in psutil.process_iter() if _is_service(each, home)]
        return len([each for each in running if each.parent() not in running])

    def point_at(self, wanted: Wanted) -> None:
        """What a promotion ends with."""
        self.place.pointers.move(NAME, wanted.bundle, None)

    def told(self) -> list[tuple[str, str | None, bool]]:
        return [(each.track, each.bundle, each.ready) for each in self.target.status(NAME).tracks]


@pytest.fixture
def machine(contenders: Served, tmp_path: Path) -> Iterator[Machine]:
    """The champion deployed."""
    made = Machine(copy_of(contenders.place, tmp_path / "home"), contenders)
    try:
        made.target.deploy(made.champion)
        yield made
    finally:
        made.target.stop(NAME)
        made.place.sql.dispose()


def _is_service(process: psutil.Process, home: str) -> bool:
    try:
        return process.cmdline()[1:3] == SERVICE and process.environ().get("EVENKEEL_HOME") == home
    except psutil.Error:
        return False


@contextmanager
def asked(url: str) -> Iterator[list[str]]:
    """Callers who ask all the while; what they were answered, or why not."""
    answers: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        with ForecastClient(url, attempts=1) as client:
            while not ended.is_set():
                try:
                    answers.append(client.forecast(entity="north").bundle)
                except EvenkeelError as error:
                    answers.append(f"failed: {error}")
                time.sleep(0.02)

    caller = threading.Thread(target=ask)
    caller.start()
    try:
        yield answers
    finally:
        ended.set()
        caller.join()


def again(machine: Machine, arguments: Sequence[str]) -> TargetStatus:
    """The same verb, in this process."""
    verb, *rest = arguments
    if verb == "deploy":
        return machine.target.deploy(machine.better)
    if verb == "stage":
        return machine.target.stage(machine.better, "shadow" if SHADOW in rest else "canary")
    return machine.target.promote(NAME) if verb == "promote" else machine.target.withdraw(NAME)


STAGE = ["stage", "--version", "2", "--track"]


@pytest.mark.parametrize(
    ("arguments", "moment"),
    [
        (["deploy", "--version", "2"], "the lock is held"),
        ([*STAGE, CANARY], "the lock is held"),
        ([*STAGE, CANARY], "canary is there"),
        ([*STAGE, SHADOW], "shadow is there"),
        (["promote"], "the lock is held"),
        (["promote"], "canary is gone"),
        (["withdraw"], "canary is gone"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_command__killed_at_any_step_fails_no_caller_and_done_again_ends_the_same(
    machine: Machine, arguments: list[str], moment: str
) -> None:
    if arguments[0] in ("promote", "withdraw"):
        machine.target.stage(machine.better, "canary")
    if arguments[0] in ("promote", "deploy"):
        machine.point_at(machine.better)
        machine.target.deploy(machine.better)
    moments: dict[str, Callable[[], object]] = {
        "the lock is held": lambda: machine.holder() == running.pid,
        "canary is there": lambda: machine.process(CANARY),
        "shadow is there": lambda: machine.process(SHADOW),
        "canary is gone": lambda: machine.holder() == running.pid and machine.process(CANARY) is None,
    }
    with machine.target.endpoint(NAME) as url, asked(url) as answers:
        running = machine.command(*arguments)
        until(lambda: moments[moment]() or running.poll() is not None, 0.002, seconds=PATIENCE)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL

        again(machine, arguments)

    found = machine.told()
    front = machine.champion if arguments[0] in ("stage", "withdraw") else machine.better
    staged = [(arguments[-1], machine.better.bundle, True)] if arguments[0] == "stage" else []
    assert found == [(STABLE, front.bundle, True), *staged]
    assert machine.services() == len(found)
    assert len(answers) > 10
    assert set(answers) <= {machine.champion.bundle, machine.better.bundle}


def test_command__two_deploys_at_once_are_one_and_the_other_says_who_holds_the_lock(machine: Machine) -> None:
    machine.target.stop(NAME)
    before = machine.holder()
    deploys = [machine.command("deploy") for _ in range(2)]
    until(lambda: machine.holder() not in (before, None), 0.002, seconds=PATIENCE)
    winner = next(each for each in deploys if each.pid == machine.holder())
    winner.send_signal(signal.SIGSTOP)  # however fast it is, the other one meets it
    other = next(each for each in deploys if each is not winner)
    try:
        _, said = other.communicate(timeout=PATIENCE)
    finally:
        winner.send_signal(signal.SIGCONT)
    _, errors = winner.communicate(timeout=PATIENCE)

    assert (other.returncode, winner.returncode) == (1, 0), (said, errors)
    assert f"another rollout of {NAME} is going on: process {winner.pid} since 20" in said
    assert "wait for it; a process that is killed loses it at once" in said
    assert machine.told() == [(STABLE, machine.champion.bundle, True)]
    assert machine.services() == 1


def test_command__deploy_of_a_version_that_is_not_there_says_so_and_changes_nothing(machine: Machine) -> None:
    before, entries = machine.target.status(NAME), machine.place.ledger.entries(NAME)
    running = machine.command("deploy", "--version", "99")
    _, said = running.communicate(timeout=PATIENCE)

    assert running.returncode == 1
    assert f"{NAME} has no version 99 (`make ledger` and MLflow list those there are)" in said
    assert "Traceback" not in said
    assert (machine.target.status(NAME), machine.place.ledger.entries(NAME)) == (before, entries)
