"""Filters as bundles kept them before: judged as they were, on the scale of the thresholds of today."""

import numpy as np
from pydantic import BaseModel, ConfigDict

from model_code.arrays import Array
from model_code.faults.innovation import innovations
from model_code.faults.thresholds import Kind, thresholds

LIMITS: dict[Kind, float] = {"level": 3.991, "scale": 3.931, "clock": 5.865}  # what these filters were calibrated to


class EarlierFilter(BaseModel):
    """One window of one entity: what foretells it, and the filter of each kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    foretold: Array
    kinds: dict[Kind, Array]

    def scores(self, heard: np.ndarray, window: int) -> dict[Kind, np.ndarray]:
        """Kind -> scores (D,) that are beyond today's threshold where they are beyond their own.

        Args:
            heard: (D, S) clipped remainders.
            window: Days.
        """
        new, today = innovations(heard, window, self.foretold), thresholds()
        return {kind: new @ weights * (today.of(kind, window) / LIMITS[kind]) for kind, weights in self.kinds.items()}

    def told(self, kind: Kind, window: int, transform: str) -> float:
        """Not known: these are beyond their threshold whatever the size of the change."""
        return 0.0
