"""A drill through Prefect: the same script on the demo's stage, every step a run of a deployment, every act started by an event."""

from datetime import datetime
from pathlib import Path

from rich.console import Console

from flows.demo.director import Director
from flows.demo.scenario import Scenario
from flows.demo.stage import Stage, clean
from flows.drill.course import Course
from flows.drill.script import TRAIN_AT, Script
from model_code.errors import ConfigurationError


class Staged(Scenario):
    """A script in the words of the demo: it looks when the script does."""

    script: Script

    def next_look(self, now: datetime, soon: bool) -> datetime:
        """The script's next look, whatever the monitor asks for."""
        return next((moment for moment in self.script.looks() if moment > now), self.end)

    def write_world(self, path: Path) -> Path:
        """The script's world."""
        return self.script.write_world(path)


def play(script: Script, home: Path, console: Console) -> Course:
    """Play a script on a stack of its own, which is ended afterwards.

    Raises:
        ConfigurationError: The script asks on its own for acts, which only the drill below Prefect does.
        EvenkeelError: A run did not complete.
    """
    if script.requests:
        raise ConfigurationError(f"{script.name} is not played through Prefect", hint="leave PREFECT=1 away")
    *_, end = script.looks()
    scenario = Staged(script=script, train_at=TRAIN_AT, end=end, bad_release=script.release, level_shift=None)
    stage = Stage(clean(home), scenario)
    with stage.open():
        Director(stage, scenario, console).play()
        return Course.of(stage.place)
