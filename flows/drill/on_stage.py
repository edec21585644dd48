"""A drill through Prefect: the same script on the demo's stage, every step a run of a deployment, every act started by an event."""

from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.demo.director import Director
from flows.demo.scenario import Scenario
from flows.demo.stage import Stage, clean
from flows.drill.course import Course
from flows.drill.script import TRAIN_AT, Script
from model_code.errors import ConfigurationError, EvenkeelError


class Staged(Scenario):
    """A script in the words of the demo: it looks when the script does."""

    script: Script

    def next_look(self, now: datetime, soon: bool) -> datetime:
        """The script's next look, whatever the monitor asks for."""
        return next((moment for moment in self.script.looks() if moment > now), self.end)

    def write_world(self, path: Path) -> Path:
        """The script's world."""
        return self.script.write_world(path)


class StagedDirector(Director):
    """Takes the steps of a turn one by one: what cannot be refreshed is what some drills are about, and a turn is red then."""

    def _turn(self, now: datetime) -> dict[str, Any]:
        try:
            self._stage.run("refresh", now)
        except EvenkeelError as error:
            self._console.print(f"[dim]{now:%d %b}[/dim]  not refreshed: {error}"[:220], highlight=False, soft_wrap=True)
        self._stage.run("forecast", now)
        verdict: dict[str, Any] = self._stage.run("monitor", now)
        return verdict


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
        StagedDirector(stage, scenario, console).play()
        return Course.of(stage.place)
