"""The demo's loop in process: real data, tables, models, registry and acts; no server, and time jumps from look to look."""

import shutil
from pathlib import Path

import pandas as pd

from flows.demo.operator import bad_version
from flows.demo.scenario import USECASE, Scenario
from flows.drill.answers import forecast_due
from flows.drill.loop import Look
from flows.drill.memory import Remembered
from flows.drill.opening import open_home, promote, refresh_all
from model_code.settings import Settings
from monitoring import acting
from monitoring.judgement import look, restless


def start(home: Path, scenario: Scenario) -> Remembered:
    """A home where the first model was searched, trained and promoted at `train_at`, before anything was injected."""
    world = scenario.model_copy(update={"level_shift": None}).write_world(home / "world.json")
    return open_home(home, USECASE, scenario.train_at, world)


class Simulation:
    """One scenario played from a started home, which it copies.

    Args:
        started: Home of `start`; it stays as it is.
        home: A new folder.
        scenario: What happens from there on.
    """

    def __init__(self, started: Path, home: Path, scenario: Scenario) -> None:
        shutil.copytree(started, home, ignore=shutil.ignore_patterns("store", "world.json"))
        self.scenario = scenario
        self.place = Remembered.open(USECASE, Settings(home=home, world_file=scenario.write_world(home / "world.json")))
        self.looks: list[Look] = []
        self.released: str | None = None
        refresh_all(self.place, scenario.end)

    def play(self) -> list[Look]:
        """Every look of the scenario."""
        release, policy = self.scenario.bad_release, self.place.usecase.spec.policy
        tick = self.scenario.next_look(self.scenario.train_at, soon=False)
        while True:
            now = pd.Timestamp(tick).tz_convert("UTC")
            forecast_due(self.place, now, self.scenario.train_at)
            if release is not None and release.at <= tick and self.released is None:
                self.released = bad_version(self.place, tick, release.scale)
                promote(self.place, now, self.released, "demand needs it today", force=True)
            seen = look(self.place, now)
            self.looks.append(Look(now, seen, self._act(seen.verdict.action, now)))
            if tick >= self.scenario.end:
                break
            tick = self.scenario.next_look(tick, restless(seen.evidence, policy) or seen.verdict.action != "hold")
        return self.looks

    @property
    def actions(self) -> list[Look]:
        """The looks that were followed by more than holding still."""
        return [each for each in self.looks if each.verdict.action != "hold"]

    @property
    def champion(self) -> str | None:
        """Version that reigns at the end."""
        return self.place.registry.version_of(USECASE, "champion")

    def _act(self, action: str, now: pd.Timestamp) -> acting.Acted[acting.Judged] | None:
        request = acting.Request("evenkeel", f"breach.{action}")
        if action == "rollback":
            return acting.roll_back(self.place, now, request)
        return acting.retrain(self.place, now, request) if action == "retrain" else None
