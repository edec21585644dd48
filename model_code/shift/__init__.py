"""Whether a window of rows is distributed like its reference: fast univariate and multivariate tests (docs/reports.md)."""

from model_code.shift.measure import ColumnShift, JointShift, Shift, measure
from model_code.shift.profile import ShiftProfile, profile_of
from model_code.shift.quality import QualityLimit
from model_code.shift.reference import Reference, choose_reference
from model_code.shift.thresholds import ShiftThresholds, calibrate_thresholds

__all__ = [
    "ColumnShift",
    "JointShift",
    "QualityLimit",
    "Reference",
    "Shift",
    "ShiftProfile",
    "ShiftThresholds",
    "calibrate_thresholds",
    "choose_reference",
    "measure",
    "profile_of",
]
