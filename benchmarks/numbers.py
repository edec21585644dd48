"""The README's table of numbers: what refresh, as-of read, scaling and backtest wrote into `benchmarks/results`."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
REFRESH = "refresh of 50 entities × 1 year hourly into Delta, validation included, after the source answered"
SCALING = "cost of the store against rows, 10⁴ to 10⁷ ([plot](benchmarks/results/scaling.svg))"


def table() -> str:
    """Markdown."""
    told = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in ("refresh", "as_of", "scaling", "backtest")}
    rows = [_refresh(told["refresh"]), _as_of(told["as_of"]), _scaling(told["scaling"]), _backtest(told["backtest"])]
    return "\n".join(["| what | command | goal | here |", "|---|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def _refresh(told: dict[str, Any]) -> list[str]:
    goal, here = told["goal_rows_per_second"], told["first_load"]["rows_per_second"]
    return [REFRESH, "`make bench-refresh`", f"≥ {goal:,} rows/s", f"{here:,} rows/s"]


def _as_of(told: dict[str, Any]) -> list[str]:
    read = told["as_appended"]
    what = f"as-of read of 50 entities × 5 years hourly ({read['rows'] / 1e6:.1f} million rows, 2 % revised)"
    return [what, "`make bench-as-of`", "≤ 2 s, < 1 GB", f"{read['seconds']:.2f} s, {read['peak_mb']} MB"]


def _scaling(told: dict[str, Any]) -> list[str]:
    found = told["exponents"]
    here = f"exponent between the largest two: append {found['append']:.2f}, as-of read {found['as_of']:.2f}"
    return [SCALING, "`make bench-scaling`", "near linear", here]


def _backtest(told: dict[str, Any]) -> list[str]:
    """Those with the use case's own refit, which come first."""
    runs = [run for run in told["backtests"] if run["refit_every"] == told["backtests"][0]["refit_every"]]
    families = ", ".join({"xgboost": "XGBoost"}.get(run["family"], run["family"]) for run in runs)
    what = f"backtest of Victoria by expanding window, {runs[0]['origins']} origins of 48 rows, a refit every {runs[0]['refit_every']}: {families}"
    rates = ", ".join(f"{run['origins_per_second']:.0f}" for run in runs)
    shares = ", ".join(f"{100 * run['fit_share']:.0f} %" for run in runs)
    return [what, "`make bench-backtest`", "told", f"{rates} origins/s; {shares} of the time in model fitting"]
