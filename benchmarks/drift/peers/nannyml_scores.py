"""Run by the interpreter of NannyML's own environment: univariate drift by default method and threshold, chunks of a week.

Usage: nannyml_scores.py CASES ANSWERS. CASES: npz with `reference` (n, 8736) and `analysis` (n, weeks * 168), float, one case a
row. ANSWERS: npz with `value` and `upper` (n, weeks).
"""

import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # else it tells its makers of every call
import nannyml  # noqa: E402

HOURS = 168
METHOD = "jensen_shannon"  # its default for continuous columns
BATCH = 20


def scored(reference: np.ndarray, analysis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances and upper thresholds (n, weeks) of n columns at once."""
    names = [f"c{i}" for i in range(len(reference))]
    calculator = nannyml.UnivariateDriftCalculator(column_names=names, continuous_methods=[METHOD], chunk_size=HOURS)
    calculator.fit(pd.DataFrame(reference.T, columns=names))
    table = calculator.calculate(pd.DataFrame(analysis.T, columns=names)).filter(period="analysis").to_df()
    pick = [[table[(name, METHOD, what)].to_numpy(float) for name in names] for what in ("value", "upper_threshold")]
    return np.array(pick[0]), np.array(pick[1])


def main() -> None:
    cases = np.load(sys.argv[1])
    parts = [
        scored(cases["reference"][start : start + BATCH], cases["analysis"][start : start + BATCH])
        for start in range(0, len(cases["reference"]), BATCH)
    ]
    value, upper = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    np.savez(sys.argv[2], value=value, upper=upper)


if __name__ == "__main__":
    main()
