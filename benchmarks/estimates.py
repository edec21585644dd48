"""How good the estimates are that are made before the truth comes: Victoria, 1 July to 9 November 2014 as it was, day by day.

Run: `python -m benchmarks.estimates [--family ridge]`. Each family is a champion of 1 July that answers every origin since; each
origin's loss is estimated from the ones before it alone, with one waiting, as a monitor run of that day would have done.
Writes benchmarks/results/estimates.json and the table of docs/truth.md.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.marked import within
from flows.drill.answers import forecast_due
from flows.drill.opening import promote, refresh_all
from model_code.challenger import bundle_of, evaluate, register
from model_code.evidence import SeriesEvidence
from model_code.installation import Installation
from model_code.settings import Settings
from model_code.specification import Candidate
from monitoring.estimate import LEAST, estimate
from monitoring.evidence import gather

USECASE = "demand_victoria"
LIVE, END = (pd.Timestamp(f"2014-{day}T02:00:00+10:00").tz_convert("UTC") for day in ("07-01", "11-10"))
RESULT = Path(__file__).parent / "results" / "estimates.json"
PAGE = Path(__file__).parents[1] / "docs" / "truth.md"
FAMILIES = {"naive": "naive", "ridge": "ridge", "xgboost": "XGBoost"}


def measured(family: str) -> dict[str, float]:
    """Mean absolute logarithm by which the estimates were off, and that of expecting what is expected."""
    with tempfile.TemporaryDirectory() as folder:
        place = Installation.open(USECASE, Settings(home=Path(folder)))
        refresh_all(place, END.to_pydatetime())
        seed, history = place.usecase.spec.seed, place.history(LIVE)
        evaluated = evaluate(place.usecase, history, LIVE, [Candidate(family=family)], seed=seed)
        version = register(place, bundle_of(place, history, LIVE, evaluated, seed=seed), evaluated)
        promote(place, LIVE, version, "the champion of 1 July", force=True)
        forecast_due(place, END, LIVE.to_pydatetime())
        (series,) = gather(place, END.to_pydatetime()).series
        place.sql.dispose()
    return errors(series)


def errors(series: SeriesEvidence) -> dict[str, float]:
    """Of each origin with enough before it: how far the estimate was off, and how far a ratio of 1 would have been."""
    points = [{"ratio": point.ratio, "width": point.width, "level_z": point.level_z} for point in series.origins]
    table = pd.DataFrame(points, dtype=float)
    off, usual = [], []
    for at in range(LEAST, len(table)):
        told = estimate(table.iloc[:at], table[["width"]].iloc[at : at + 1])
        came = np.log(max(table["ratio"].iloc[at], 1e-3))
        assert told.ratio is not None
        off.append(abs(np.log(told.ratio) - came))
        usual.append(abs(came))
    return {"origins": len(off), "estimate": round(float(np.mean(off)), 3), "as_expected": round(float(np.mean(usual)), 3)}


def table(result: dict[str, Any]) -> str:
    """Markdown."""
    rows = [
        f"| {title} | {told['estimate']:.2f} | {told['as_expected']:.2f} |"
        for name, title in FAMILIES.items()
        if (told := result.get(name))
    ]
    return "\n".join(['| champion | estimate | "as expected" (a ratio of 1) |', "|---|---|---|", *rows])


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimates", description=__doc__)
    parser.add_argument("--family", choices=sorted(FAMILIES), help="one alone; the others keep their figures")
    options = parser.parse_args()
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for family in [options.family] if options.family else FAMILIES:
        result[family] = measured(family)
        print(f"{family}: {result[family]}", flush=True)
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    PAGE.write_text(within(PAGE.read_text(), "estimates", table(result)))


if __name__ == "__main__":
    main()
