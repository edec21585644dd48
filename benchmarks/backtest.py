"""Backtest of Victoria's demand by expanding window: origins per second, and how much of the time is model fitting.

Run: `python -m benchmarks.backtest`. The search's window and the holdout as the use case states them, through the code
that production uses: features of every origin as known at it, a fit before each block, answers, losses.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from model_code.backtest import backtest
from model_code.cases import build_cases
from model_code.challenger import history_split
from model_code.data.known import KnownHistory
from model_code.data.refresh import refresh
from model_code.data.sources import make_source
from model_code.installation import Installation
from model_code.models import family_class
from model_code.settings import Settings
from model_code.specification import Candidate

RESULTS = Path(__file__).parent / "results"
NOW = pd.Timestamp("2014-11-10T02:00:00+10:00").tz_convert("UTC")
FAMILIES = ("naive", "ridge", "xgboost")


@dataclass
class Stopwatch:
    """Seconds spent in a model's methods."""

    seconds: dict[str, float] = field(default_factory=lambda: {"fit": 0.0, "predict": 0.0})

    @contextmanager
    def on(self, family: str) -> Iterator[None]:
        """Time the family's `fit` and `predict` while inside."""
        kind: Any = family_class(family)
        real = {name: getattr(kind, name) for name in self.seconds}
        for name, method in real.items():
            setattr(kind, name, self._timed(name, method))
        try:
            yield
        finally:
            for name, method in real.items():
                setattr(kind, name, method)

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self.seconds[name] += time.perf_counter() - began

        return timed


def history_of(folder: Path) -> tuple[Installation, KnownHistory]:
    """The embedded data set up to now, in a store of its own."""
    place = Installation.open("demand_victoria", Settings(home=folder))
    for feed in place.usecase.spec.feeds:
        refresh(place.usecase, feed, make_source(place.usecase, feed, place.settings), place.store, NOW)
    return place, place.history(NOW)


def measured(place: Installation, history: KnownHistory, family: str, refit_every: int) -> dict[str, Any]:
    """One family's backtest, its features included."""
    usecase, watch = place.usecase, Stopwatch()
    origins, parts = history_split(usecase, history, NOW)
    judged = [*parts.search, *parts.holdout]
    began = time.perf_counter()
    cases = build_cases(usecase, history, origins)
    features = time.perf_counter() - began
    with watch.on(family):
        began = time.perf_counter()
        result = backtest(
            usecase,
            Candidate(family=family),
            cases,
            history,
            judged,
            truth_at=NOW,
            refit_every=refit_every,
            seed=usecase.spec.seed,
        )
        walked = time.perf_counter() - began
    return {
        "family": family,
        "refit_every": refit_every,
        "origins": len(judged),
        "feature_ms_per_origin": round(1000 * features / len(origins), 2),
        "seconds": round(walked, 3),
        "origins_per_second": round(len(judged) / walked, 1),
        "fit_share": round(watch.seconds["fit"] / walked, 3),
        "predict_share": round(watch.seconds["predict"] / walked, 3),
        "loss_gw": round(result.loss, 4),
    }


def main() -> None:
    """Measure, print, keep."""
    with tempfile.TemporaryDirectory() as folder:
        place, history = history_of(Path(folder))
        for family in FAMILIES:  # what is loaded on first use is no part of a backtest
            measured(place, history, family, 1000)
        every = (place.usecase.spec.backtest.refit_every, 1)
        found = [measured(place, history, family, refit) for refit in every for family in FAMILIES]
    print(
        f"{'family':10}{'refit every':>12}{'origins':>9}{'seconds':>9}{'origins/s':>11}{'in fit':>8}{'in predict':>12}{'loss GW':>9}"
    )
    for told in found:
        print(
            f"{told['family']:10}{told['refit_every']:>12}{told['origins']:>9}{told['seconds']:>9}{told['origins_per_second']:>11}"
            f"{told['fit_share']:>8.0%}{told['predict_share']:>12.0%}{told['loss_gw']:>9}"
        )
    print(f"features, once for all candidates: {found[-1]['feature_ms_per_origin']} ms an origin (48 rows)")
    RESULTS.mkdir(exist_ok=True)
    result = {"backtests": found, "cpu": platform.processor() or platform.machine()}
    (RESULTS / "backtest.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
