"""Thresholds of the tests of columns: fixed on areas and years of their own, with the hash of what they were fixed on.

`thresholds.json` is written by `python -m benchmarks.drift --calibrate`; docs/drift.md tells how, and what they then achieved.
"""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).parent / "thresholds.json"


class Thresholds(BaseModel):
    """Standard scores above which a window is no chance; the same for every entity, since scores are standardised by its history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float = Field(gt=0)
    scale: float = Field(gt=0)
    clock: float = Field(gt=0)
    stuck: float = Field(1.0, gt=0, description="Longest run over its own limit (docs/drift.md).")
    false_alarms_per_year: float = Field(gt=0, description="What they were calibrated to, all tests of an entity together.")
    entity_years: float = Field(gt=0, description="Normal years that they were calibrated on.")
    registration: str = Field(description="SHA-256 of the registration of areas and years.")


@cache
def thresholds() -> Thresholds:
    """The calibrated thresholds that come with this version."""
    return Thresholds.model_validate_json(FILE.read_text())
