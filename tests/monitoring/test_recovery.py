"""Whether a retrain helped."""

from datetime import UTC, datetime, timedelta

import pytest

from model_code.evidence import Evidence, OriginEvidence, SeriesEvidence
from model_code.specification import Policy
from monitoring.recovery import recovery_of

START = datetime(2024, 3, 1, tzinfo=UTC)
POLICY = Policy(near_origins=3, ratio_near=1.2)


def seen(*losses: tuple[float, float | None]) -> Evidence:
    points = tuple(
        OriginEvidence(origin=START + timedelta(days=day), loss=loss, expected_loss=1.0, previous_loss=previous)
        for day, (loss, previous) in enumerate(losses)
    )
    return Evidence(usecase="demand", at=START, series=(SeriesEvidence(name="VIC", backtest_loss=1.0, origins=points),))


@pytest.mark.parametrize(
    ("losses", "recovered"),
    [
        ([(1.0, 2.0), (1.1, 2.0), (0.9, 2.0)], True),
        ([(1.0, 0.9), (1.1, 0.9), (0.9, 0.9)], False),  # the old one would have done as well
        ([(1.5, 2.0), (1.4, 2.0), (1.3, 2.0)], False),  # better, but not near
        ([(1.0, 2.0), (1.1, 2.0), (0.9, 2.0), (9.0, 1.0)], True),  # what comes later is another story
    ],
)
def test_recovery__needs_to_beat_the_old_model_and_to_be_near(losses: list[tuple[float, float]], recovered: bool) -> None:
    told = recovery_of(seen(*losses), POLICY)

    assert told is not None
    assert told.recovered is recovered


def test_recovery__waits_for_enough_origins() -> None:
    assert recovery_of(seen((1.0, 2.0), (1.0, 2.0)), POLICY) is None
    assert recovery_of(seen((1.0, 2.0), (1.0, None), (1.0, 2.0)), POLICY) is None
    assert recovery_of(seen(), POLICY) is None
