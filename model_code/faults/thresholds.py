"""Thresholds of the tests of columns: fixed on areas and years of their own, with the hash of what they were fixed on.

`thresholds.json` is written by `python -m benchmarks.drift --calibrate`; docs/drift.md tells how, and what they then achieved.
"""

import hashlib
import logging
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

LOG = logging.getLogger("evenkeel.faults")
FILE = Path(__file__).parent / "thresholds.json"
Kind = Literal["level", "scale", "clock"]


class Thresholds(BaseModel):
    """What is no chance any more; the same for every entity, since scores are standardised by its history.

    A window has thresholds of its own: a week tells large changes early, and is not worth the false alarms of the small ones,
    which the fortnight tells better. Where an entity is so quiet that a change too small to matter would be seen, `least` holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: dict[int, PositiveFloat] = Field(description="Days of the window -> standard score.")
    scale: dict[int, PositiveFloat]
    clock: dict[int, PositiveFloat]
    stuck: float = Field(1.0, gt=0, description="Longest run over its own limit (docs/drift.md).")
    least: dict[Kind, float] = Field(
        default_factory=dict, description="Share by which a change differs at least; none where not told."
    )
    false_alarms_per_year: float = Field(gt=0, description="What they were calibrated to, all tests of an entity together.")
    entity_years: float = Field(gt=0, description="Normal years that they were calibrated on.")
    registration: str = Field(description="SHA-256 of the registration of areas and years.")

    def of(self, kind: Kind, days: int, told: float = 0.0) -> float:
        """The score beyond which a window of so many days shows a change.

        Args:
            kind: Of change.
            days: Of the window.
            told: Standard scores that a change by the whole (a share of one) makes in the entity; 0 where that is not known.
        """
        by_window: dict[int, float] = getattr(self, kind)
        return max(by_window[days], self.least.get(kind, 0.0) * told)

    def part(self, kind: Kind, share: float) -> "Thresholds":
        """The same, with a share of what one kind of change needs."""
        by_window: dict[int, float] = getattr(self, kind)
        least = {**self.least, kind: share * self.least.get(kind, 0.0)}
        return self.model_copy(update={kind: {days: share * one for days, one in by_window.items()}, "least": least})


class KeptThresholds(BaseModel):
    """Thresholds as a bundle keeps them, so that a later version of the code judges it as it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: Thresholds
    sha256: str = Field(description="Of the file that they came from; the study tells the same of those that it scored.")


@cache
def thresholds() -> Thresholds:
    """The calibrated thresholds that come with this version: what bundles learned now keep, and what the study scores."""
    return Thresholds.model_validate_json(FILE.read_text())


@cache
def kept_thresholds() -> KeptThresholds:
    """The same with their hash, for a bundle that is made now."""
    return KeptThresholds(values=thresholds(), sha256=hashlib.sha256(FILE.read_bytes()).hexdigest())


@cache
def thresholds_of_before() -> Thresholds:
    """What bundles are judged by that keep none: those of this version, which a log says once."""
    LOG.warning(
        "the champion's bundle keeps no thresholds for data faults: those of this version judge it until the next retrain"
    )
    return thresholds()
