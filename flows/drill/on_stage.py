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
from model_code.errors import EvenkeelError


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
    """Takes the steps of a turn one by one: what cannot be refreshed is what some drills are about, and a turn is red then.

    After a look and what it started, what an alert that flaps asks for: each a run of that action's deployment.
    """

    def __init__(self, stage: Stage, scenario: Staged, console: Console) -> None:
        super().__init__(stage, scenario, console)
        self._script = scenario.script

    def _look(self, now: datetime) -> dict[str, Any]:
        verdict = super()._look(now)
        for action, reason in self._script.asks(now):
            self._be_asked(action, now, reason)
        return verdict

    def _be_asked(self, action: str, now: datetime, reason: str) -> None:
        try:
            self._stage.run(action, now, reason=reason)
        except EvenkeelError as error:
            self._tell(now, f"{action}, asked by {reason}, failed: {error}")

    def _turn(self, now: datetime) -> dict[str, Any]:
        try:
            self._stage.run("refresh", now)
        except EvenkeelError as error:
            self._tell(now, f"not refreshed: {error}")
        self._stage.run("forecast", now)
        verdict: dict[str, Any] = self._stage.run("monitor", now)
        return verdict

    def _tell(self, now: datetime, text: str) -> None:
        self._console.print(f"[dim]{now:%d %b}[/dim]  {text}"[:220], highlight=False, soft_wrap=True)


def play(script: Script, home: Path, console: Console) -> Course:
    """Play a script on a stack of its own, which is ended afterwards.

    Raises:
        EvenkeelError: A run did not complete.
    """
    *_, end = script.looks()
    scenario = Staged(script=script, train_at=TRAIN_AT, end=end, bad_release=script.release, level_shift=None)
    stage = Stage(clean(home), scenario)
    with stage.open():
        StagedDirector(stage, scenario, console).play()
        return Course.of(stage.place)
