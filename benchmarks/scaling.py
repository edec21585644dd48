"""Cost of the store against rows: 10^4, 10^5, 10^6 (and 10^7 with `--large`), with a plot.

Run: `python benchmarks/scaling.py [--large]`. A slope of 1 in the log-log plot is linear.
"""

import json
import math
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from as_of import NOW, RESULTS, read_apart, write

from model_code.data.store import ObservationStore

STEPS = {
    "append": "append, year by year",
    "as_of": "as-of read of all",
    "latest": "newest time",
    "refetch": "append of a known week",
}


def cost(rows: int) -> dict[str, float]:
    """Seconds of each operation on a table of about so many rows."""
    entities = 50 if rows <= 2_200_000 else 250
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        stored = write(folder, rows // entities, entities)
        append = time.perf_counter() - began
        store = ObservationStore(folder)
        began = time.perf_counter()
        newest = store.latest_time("zones", "load", NOW)
        latest = time.perf_counter() - began
        assert newest is not None
        week = store.as_of("zones", "load", NOW, start=newest - timedelta(days=7))
        began = time.perf_counter()
        store.append("zones", "load", week, skip_unchanged=True)
        refetch = time.perf_counter() - began
        whole = read_apart(folder)
    return {
        "rows": stored,
        "append": append,
        "as_of": whole["seconds"],
        "latest": latest,
        "refetch": refetch,
        "peak_mb": whole["peak_mb"],
    }


def slope(costs: list[dict[str, float]], step: str) -> float:
    """Exponent of the cost between the two largest tables; 1 is linear."""
    small, large = costs[-2:]
    return math.log(large[step] / small[step]) / math.log(large["rows"] / small["rows"])


def plot(costs: list[dict[str, float]], path: Path) -> None:
    """Seconds against rows, both in powers of ten."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for step, name in STEPS.items():
        axes.loglog([told["rows"] for told in costs], [told[step] for told in costs], marker="o", label=name)
    axes.set(xlabel="rows in the table", ylabel="seconds", title="Cost of the observation store against rows")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Measure, print, plot, keep."""
    sizes = [10_000, 100_000, 1_000_000, *([10_000_000] if "--large" in sys.argv else [])]
    costs = [cost(size) for size in sizes]
    print(f"{'rows':>12}" + "".join(f"{step:>12}" for step in STEPS) + f"{'peak MB':>10}")
    for told in costs:
        print(f"{told['rows']:>12,}" + "".join(f"{told[step]:>12.3f}" for step in STEPS) + f"{told['peak_mb']:>10}")
    slopes = {step: round(slope(costs, step), 2) for step in STEPS}
    print(f"{'exponent':>12}" + "".join(f"{slopes[step]:>12}" for step in STEPS))
    RESULTS.mkdir(exist_ok=True)
    plot(costs, RESULTS / "scaling.svg")
    (RESULTS / "scaling.json").write_text(json.dumps({"costs": costs, "exponents": slopes}, indent=2) + "\n")


if __name__ == "__main__":
    main()
