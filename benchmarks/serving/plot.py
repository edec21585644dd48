"""The picture: CPU per prediction, throughput and tail of every server."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from benchmarks.serving.contestants import Contestant
from benchmarks.serving.ours import NAME

if TYPE_CHECKING:
    from benchmarks.serving.results import Results

PANELS = [
    ("single_8_cpu_ms", "CPU per prediction, ms"),
    ("single_64_p99", "p99 at concurrency 64, ms"),
    ("single_64_rate", "predictions/s, one worker"),
    ("two_64_rate", "predictions/s, two workers"),
]


def plot(results: "Results", contestants: Sequence[Contestant], path: Path) -> None:
    """Bars by server, ours in another colour; the same figures give the same file."""
    plt.rcParams["svg.hashsalt"] = "serving"
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 0.4 * len(contestants) + 1.2), layout="constrained", sharey=True)
    names = [contestant.name for contestant in contestants]
    for panel, (key, title) in zip(axes, PANELS, strict=True):
        values = [results.median(name, key) or 0.0 for name in names]
        bars = panel.barh(names, values, color=["#c44e52" if name == NAME else "#8c9bb0" for name in names])
        panel.bar_label(
            bars, labels=[f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in values], padding=3, fontsize=8
        )
        panel.set_title(title, fontsize=10)
        panel.margins(x=0.2)
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
