"""A rollout on this machine, and one in a process of its own that is killed in the middle."""

import os
import signal

from flows.rollout_course import Course, Outcome, Request
from model_code.installation import Installation
from model_code.settings import Settings
from services.rollout.local.target import LocalTarget
from tests.contenders import NAME, VERSIONS


def roll(place: Installation, who: str, *, killed: bool = False) -> Outcome:
    """Roll out; where it shall be killed, by SIGKILL after the first look, before it is written down."""

    def told(*_: object) -> None:
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)

    course = Course(place, LocalTarget(place.settings), None, tell=told)
    return course.run(Request(VERSIONS[who], "a test", "to see"), place.present(None))


def roll_and_be_killed(settings: dict[str, object]) -> None:
    """In a process of its own."""
    roll(Installation.open(NAME, Settings.model_validate(settings)), "better", killed=True)
