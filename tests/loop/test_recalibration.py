"""Intervals made in a calm spell slip when the calm is over: the loop sees it, and recalibrates without being told."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.drill.answers import forecast_due
from flows.drill.loop import act
from flows.drill.memory import Remembered
from model_code.settings import Settings
from monitoring.acting import Acted, Judged, Request
from monitoring.judgement import look
from monitoring.recalibrating import recalibrate
from tests.services import tiny
from tests.trained import PRESENT, installation, train

DAY = timedelta(days=1)
CALM, END = 16, 44  # days after the training: until then it is calm, and until then all is played
CALM_NOISE = 0.25  # MW, where it is 1 before and after
RULES = "policy: {coverage_origins: 10, stale_origins: 14}\nrecalibrate: {origins: 12, judged: 6}\npromotion: {min_origins: 5}\n"


def later_rows() -> pd.DataFrame:
    """Hourly load after the training: quiet for a while, then as restless as ever."""
    rows = tiny.load_rows(PRESENT.replace(minute=0), PRESENT + END * DAY)
    hours = rows["time"].dt.hour.to_numpy()
    steady = 50 * (1 + rows["entity"].eq("south").to_numpy()) + 10 * np.sin(2 * np.pi * hours / 24)
    noise = np.where(rows["time"] < PRESENT + CALM * DAY, CALM_NOISE, 1.0)
    return rows.assign(load=steady + noise * (rows["load"] - steady))


@pytest.fixture
def place(tmp_path: Path, mlflow_url: str, usecase: str) -> Iterator[Remembered]:
    """Version 1 of the tiny use case reigns."""
    made = installation(tmp_path, usecase, mlflow_url)
    spec = tmp_path / "usecases" / usecase / "usecase.yaml"
    spec.write_text(spec.read_text() + RULES)
    made.store.append(usecase, "load", later_rows())
    opened = Remembered.open(usecase, Settings(**made.settings.model_dump()))
    assert isinstance(opened, Remembered)
    version, _ = train(opened)
    opened.promoter.promote(usecase, version, "t", "first", {}, PRESENT, force=True)
    yield opened
    opened.sql.dispose()


def days(first: int, last: int) -> Iterator[pd.Timestamp]:
    yield from (pd.Timestamp(PRESENT + day * DAY).tz_convert("UTC") for day in range(first, last))


def coverage(place: Remembered, now: pd.Timestamp, origins: int) -> float:
    """Mean share of the truth within the intervals that the reigning version gave at its latest origins."""
    covered = [
        point.coverage
        for series in look(place, now).evidence.series
        for point in series.origins[-origins:]
        if point.coverage is not None
    ]
    return float(np.mean(covered))


@pytest.mark.full
@pytest.mark.timeout(600)
def test_loop__coverage_that_slipped_is_mended_without_being_asked(place: Remembered) -> None:
    name = place.usecase.name
    for now in days(1, CALM):
        forecast_due(place, now, PRESENT)
    calmed = recalibrate(place, now, Request("an operator", "intervals look wide", force=True))
    assert calmed.entry is not None, calmed.made

    acted: list[tuple[pd.Timestamp, Acted[Judged]]] = []
    slipped = 0.0
    for now in days(CALM, END):
        forecast_due(place, now, PRESENT)
        seen = look(place, now)
        assert seen.verdict.action in ("hold", "recalibrate"), seen.verdict.reasons
        if seen.verdict.action == "recalibrate":
            slipped = slipped or coverage(place, now, 10)
            came_to = act(place, "recalibrate", now, "breach.recalibrate")
            assert isinstance(came_to, Acted), came_to
            acted.append((now, came_to))

    moved = [done.entry for _, done in acted if done.entry is not None]
    assert moved, "nothing was mended"
    assert all(entry.actor == "evenkeel" and entry.action == "recalibrate" for entry in moved)
    assert place.registry.version_of(name, "champion") == moved[-1].to_version
    mended = coverage(place, now, 10)
    objective = place.usecase.spec.interval.coverage
    assert slipped < objective - 0.15
    assert abs(mended - objective) < abs(slipped - objective)
    assert mended > slipped + 0.1
