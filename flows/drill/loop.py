"""The loop in this process: refresh, forecast, look, act, day by day of simulated time; real tables, models, registry, ledger."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pandas as pd

from flows.demo.operator import bad_version
from flows.drill.answers import forecast_due
from flows.drill.memory import Remembered
from flows.drill.opening import promote, refresh_all, sources_of
from flows.drill.script import TRAIN_AT, Script, local_day
from model_code.data.set_aside import set_aside
from model_code.errors import EvenkeelError
from model_code.installation import Installation
from model_code.policy import Verdict
from model_code.settings import Settings
from monitoring import acting
from monitoring.judgement import Judgement, look
from monitoring.notes import note, note_outcome
from monitoring.recalibrating import recalibrate

Acted = acting.Acted[acting.Judged]
ACTOR = "evenkeel"
ACTS: dict[str, Callable[[Installation, pd.Timestamp, acting.Request], Acted]] = {
    "rollback": acting.roll_back,
    "retrain": acting.retrain,
    "recalibrate": recalibrate,
}


@dataclass(frozen=True)
class Look:
    """One look and what came of it: an act, or why its flow failed; `failed` tells which feeds could not be refreshed."""

    now: pd.Timestamp
    seen: Judgement
    acted: Acted | str | None = None
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """What the policy said."""
        return self.seen.verdict

    def __str__(self) -> str:
        outcome = ""
        if isinstance(self.acted, acting.Acted):
            entry = self.acted.entry
            outcome = f" -> {'nothing moved' if entry is None else f'{entry.from_version} to {entry.to_version}'}"
        elif self.acted:
            outcome = f" -> {self.acted}"
        effects = f" [{', '.join(self.verdict.side_effects)}]" if self.verdict.side_effects else ""
        return f"{local_day(self.now)} {self.verdict.action}{effects}: {'; '.join(self.verdict.reasons)}{outcome}"


class Loop:
    """One script played from a started home, which it copies.

    Args:
        started: Home of `opening.open_home`; it stays as it is.
        home: A new folder.
        script: What happens from there on.
        progress: Called after each look.
    """

    def __init__(self, started: Path, home: Path, script: Script, progress: Callable[[Look], None] = lambda _: None) -> None:
        shutil.copytree(started, home, ignore=shutil.ignore_patterns("world.json"))
        world = script.write_world(home / "world.json")
        opened = Remembered.open(Settings.load().usecase, Settings(home=home, world_file=world))
        assert isinstance(opened, Remembered)
        self.place = opened
        self.script, self._progress, self._sources = script, progress, sources_of(opened)
        self.looks: list[Look] = []
        self.released: str | None = None

    def play(self) -> list[Look]:
        """Every look of the script."""
        for moment in self.script.looks():
            self.looks.append(self._turn(moment))
            self._progress(self.looks[-1])
        self.place.sql.dispose()
        return self.looks

    def _turn(self, moment: datetime) -> Look:
        now = pd.Timestamp(moment).tz_convert("UTC")
        failed = refresh_all(self.place, moment, self._sources)
        self.place.renew()
        forecast_due(self.place, now, TRAIN_AT)
        self._release(moment)
        seen = look(self.place, now)
        self.place.ledger.append(note(self.place.usecase.name, seen, now.to_pydatetime()))
        note_outcome(self.place, seen, now.to_pydatetime())
        self._set_aside(seen, moment)
        acted = act(self.place, seen.verdict.action, now, f"breach.{seen.verdict.action}")
        for action, reason in self.script.asks(moment):
            act(self.place, action, now, reason)
        return Look(now, seen, acted, failed)

    def _set_aside(self, seen: Judgement, moment: datetime) -> None:
        """What goes with the verdict, as the monitor flow does it; data are refreshed before each look anyway."""
        if "quarantine" in seen.verdict.side_effects:
            set_aside(self.place.store, self.place.usecase.name, seen.evidence.data_faults, moment)
            self.place.renew()

    def _release(self, moment: datetime) -> None:
        """An operator in a hurry forces a release, where the script has one."""
        release = self.script.release
        if release is not None and release.at <= moment and self.released is None:
            self.released = bad_version(self.place, moment, release.scale)
            promote(self.place, pd.Timestamp(moment).tz_convert("UTC"), self.released, "demand needs it today", force=True)


def act(place: Installation, action: str, now: pd.Timestamp, reason: str) -> Acted | str | None:
    """What the flow of that action does when an event starts it: what came of it, or why its run failed; None: no such flow."""
    try:
        return None if action not in ACTS else ACTS[action](place, now, acting.Request(ACTOR, reason))
    except EvenkeelError as error:
        return f"{action} failed: {error}"
