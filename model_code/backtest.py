"""Backtest by expanding window over forecast origins, through the code that production uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_code.cases import Cases
from model_code.data.known import KnownHistory
from model_code.evaluation import per_origin
from model_code.specification import Candidate
from model_code.training import fit
from model_code.usecase import UseCase

AfterBlock = Callable[[int, float], None]


@dataclass(frozen=True)
class Backtest:
    """What a candidate would have answered.

    Attributes:
        scored: origin, entity, time, step, value, truth; a row for each case whose truth is known.
        origins: A row for each origin: see `evaluation.per_origin`.
    """

    scored: pd.DataFrame
    origins: pd.DataFrame

    @property
    def loss(self) -> float:
        """Mean loss over the origins, in the target's unit (Brier score for a classification)."""
        return float(self.origins["loss"].mean())


def blocks(origins: Sequence[pd.Timestamp], size: int) -> list[list[pd.Timestamp]]:
    """Origins in order, cut into blocks that share one fit.

    Example:
        >>> [len(b) for b in blocks(list(pd.date_range("2024", periods=5, tz="UTC")), 2)]
        [2, 2, 1]
    """
    ordered = sorted(origins)
    return [ordered[i : i + size] for i in range(0, len(ordered), size)]


def backtest(
    usecase: UseCase,
    candidate: Candidate,
    cases: Cases,
    history: KnownHistory,
    origins: Sequence[pd.Timestamp],
    *,
    truth_at: pd.Timestamp,
    refit_every: int,
    seed: int,
    after_block: AfterBlock | None = None,
) -> Backtest:
    """Score a candidate on `origins`; each block is answered by a model fitted on what was known at its first origin.

    Args:
        cases: Cases of these origins and of all before them.
        truth_at: The moment whose knowledge of the truth scores the answers.
        after_block: Called with the block's number and the mean loss so far; may raise to stop (pruning).
    """
    truth = history.truth(truth_at)
    parts: list[pd.DataFrame] = []
    for number, block in enumerate(blocks(origins, refit_every)):
        model = fit(usecase, candidate, cases, history, block[0], seed)
        asked = cases.of(block)
        parts.append(asked.rows.assign(value=model.predict(asked.features), truth=asked.truth(truth)))
        if after_block is not None:
            after_block(number, float(per_origin(pd.concat(parts), usecase.spec)["loss"].mean()))
    scored = pd.concat(parts, ignore_index=True)
    scored = scored[~np.isnan(scored["truth"])].reset_index(drop=True)
    return Backtest(scored, per_origin(scored, usecase.spec))
