"""Evidence in a few words, for the table of policy cases: one character an origin."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from model_code.evidence import (
    Action,
    ActionName,
    DataFault,
    Evidence,
    OriginEvidence,
    PairedLoss,
    Release,
    SeriesEvidence,
    SliceEvidence,
)
from model_code.shift.quality import QualityLimit

NOW = datetime(2024, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EVIDENTLY = QualityLimit(measure="mae", usual=1.0, limit=1.5, window_origins=7, origins=60).breach(2.0, 1.0, 7)
"""The finding of a report whose errors by Evidently are twice the expected, in the words that reports use."""
LOSS = {".": 1.0, "o": 1.3, "x": 2.0, "X": 4.0}  # fine, so-so, bad, blatant; against an expected loss of 1


def series(
    ratios: str,
    *,
    previous: str = "",
    baseline: str = "",
    level: str = "",
    coverage: float | None = 0.9,
    name: str = "VIC",
    newest: datetime = NOW - DAY,
) -> SeriesEvidence:
    """One series, oldest origin first, one day apart.

    Args:
        ratios: Loss of the champion at each origin, as in LOSS.
        previous: The previous bundle's, aligned at the newest origin; a space is 'not replayed'.
        baseline: The baseline's, likewise.
        level: Latest origins of the level test: '+' or '-' inside an excursion, 'A' alarming and high, 'B' alarming and low.
    """
    size = len(ratios)
    moments = [newest - (size - 1 - i) * DAY for i in range(size)]
    marks = level.rjust(size)
    points = [
        OriginEvidence(
            origin=moment,
            loss=LOSS[ratio],
            expected_loss=1.0,
            coverage=coverage,
            cusum={"A": 6.0, "B": -6.0, "+": 2.0, "-": -2.0, " ": 0.0}[mark],
            alarm=mark in "AB",
            previous_loss=LOSS.get(before),
            baseline_loss=LOSS.get(naive),
        )
        for moment, ratio, before, naive, mark in zip(
            moments, ratios, previous.rjust(size), baseline.rjust(size), marks, strict=True
        )
    ]
    since = moments[size - len(level)] if level.strip() else None
    return SeriesEvidence(name=name, backtest_loss=1.0, origins=tuple(points), level_since=since)


def evidence(*watched: SeriesEvidence, released_days_ago: float = 60, won: str = "", **changes: object) -> Evidence:
    """Fresh evidence with a champion 3 over a previous 2.

    Args:
        won: What the previous champion lost on the origins that a retrain made 3 for, which lost as expected on them.
    """
    won_on = tuple(PairedLoss(before=LOSS[mark], after=LOSS["."]) for mark in won)
    facts: dict[str, object] = {
        "usecase": "demand",
        "at": NOW,
        "champion": "3",
        "previous": "2",
        "releases": (Release(version="3", at=NOW - released_days_ago * DAY, won_on=won_on),),
        "series": watched,
        "data_age": timedelta(hours=1),
        "prediction_age": timedelta(hours=1),
        "coverage_objective": 0.9,
    }
    return Evidence.model_validate(facts | changes)


def action(kind: ActionName, days_ago: float) -> Action:
    """An earlier action."""
    return Action(action=kind, at=NOW - days_ago * DAY)


def fault(kind: Literal["stuck", "swapped", "clock", "scale", "missing"] = "stuck", entity: str | None = None) -> DataFault:
    """Something wrong with the demand feed."""
    return DataFault(
        kind=kind, feed="demand", entity=entity, column="demand", statistic=9.0, threshold=3.0, text=f"demand is {kind}"
    )


def part(value: str = "17", **changes: object) -> SliceEvidence:
    """An hour of the day that departs, for four weeks, at twice the expected loss."""
    facts: dict[str, object] = {"dimension": "hour", "value": value, "loss": 2.0, "expected_loss": 1.0, "origins": 28}
    return SliceEvidence.model_validate(facts | {"departs": True} | changes)
