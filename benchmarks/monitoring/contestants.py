"""`python benchmarks/monitoring/contestants.py NAME ROWS`: one contestant in a process of its own; prints seconds and peak memory.

Making the data and importing libraries is not timed; the peak is that of the whole process, data and libraries included.
NannyML runs in an environment of its own, so that this file imports nothing of ours before it is asked for.
"""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.monitoring.windows import windows  # noqa: E402

Window = Mapping[str, np.ndarray]
Run = Callable[[], object]


def ours(reference: Window, current: Window) -> Run:
    """All tests together, against the reference as the bundle keeps it."""
    from model_code.shift import measure, profile_of
    from model_code.shift.measure import count

    profile = profile_of(reference, seed=1)
    counted = count(profile, reference)
    return lambda: measure(profile, counted, current)


def ours_whole(reference: Window, current: Window) -> Run:
    """The same with the profile made anew and the reference counted, as the peers do it each time."""
    from model_code.shift import measure, profile_of

    return lambda: measure(profile_of(reference, seed=1), reference, current)


def psi_numpy(reference: Window, current: Window) -> Run:
    """PSI alone, ten quantile bins, numpy's histograms."""

    def run() -> list[float]:
        found = []
        for name, values in reference.items():
            before, lately = values[np.isfinite(values)], current[name][np.isfinite(current[name])]
            edges = np.quantile(before, np.linspace(0, 1, 11))
            edges[0], edges[-1] = -np.inf, np.inf
            p, q = (np.clip(np.histogram(told, edges)[0] / len(told), 1e-4, None) for told in (before, lately))
            found.append(float(((q - p) * np.log(q / p)).sum()))
        return found

    return run


def evidently(reference: Window, current: Window) -> Run:
    """Its drift preset with every default."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    frames = [pd.DataFrame(window) for window in (current, reference)]
    definition = DataDefinition(numerical_columns=list(reference))

    def run() -> object:
        datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]
        return Report([DataDriftPreset()]).run(*datasets).dict()

    return run


def nannyml(reference: Window, current: Window) -> Run:
    """Its univariate drift with defaults, the window as one chunk."""
    import nannyml as peer
    import pandas as pd

    frames = [pd.DataFrame(window) for window in (reference, current)]

    def run() -> object:
        calculator = peer.UnivariateDriftCalculator(column_names=list(reference), chunk_number=1)
        return calculator.fit(frames[0]).calculate(frames[1]).to_df()

    return run


CONTESTANTS: dict[str, Callable[[Window, Window], Run]] = {
    "ours": ours, "ours_whole": ours_whole, "psi_numpy": psi_numpy, "evidently": evidently, "nannyml": nannyml,
}  # fmt: skip


def measured(name: str, rows: int) -> dict[str, float]:
    """Wall and CPU seconds of one comparison, the better of two below a million rows, and the peak in MB."""
    run = CONTESTANTS[name](*windows(rows))
    walls, cpus = [], []
    for _ in range(2 if rows < 1_000_000 or name in ("ours", "ours_whole", "psi_numpy") else 1):
        began, busy = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(min(walls), 4), "cpu_seconds": round(min(cpus), 4), "peak_mb": round(peak)}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
