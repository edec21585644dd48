"""Data faults: stuck, swapped, rescaled and shifted columns, told from weather by the entities around them."""

from model_code.faults.conditions import Days, Faulty
from model_code.faults.find import find_faults
from model_code.faults.levels import LevelShift, alarmed, shifted_levels
from model_code.faults.profile import FaultProfile, learn

__all__ = ["Days", "FaultProfile", "Faulty", "LevelShift", "alarmed", "find_faults", "learn", "shifted_levels"]
