"""The README's section and the plot of the watch's benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.goals import Goal
from benchmarks.serving.environments import CHECKOUT

README = CHECKOUT / "README.md"
BEGIN, END = "<!-- monitoring -->", "<!-- /monitoring -->"
MILLION = "1000000"
TESTS_SECONDS, TESTS_MB = 2.0, 500.0
WATCH_SECONDS, WATCH_MB = 30.0, 1024.0
TITLES = {
    "ours": "**Evenkeel, all tests, reference as the bundle keeps it**",
    "ours_whole": "Evenkeel, profile and reference counted anew",
    "psi_numpy": "PSI alone, numpy",
    "nannyml": "NannyML, univariate defaults",
    "evidently": "Evidently, drift preset",
}


def tests_goals(result: Mapping[str, Any]) -> list[Goal]:
    """Of all tests of a million rows by ten columns, the reference counted anew."""
    told = result["tests"]["ours_whole"][MILLION]
    return [
        Goal("drift run of 1 million rows, seconds", told["seconds"], TESTS_SECONDS),
        Goal("drift run of 1 million rows, peak MB", told["peak_mb"], TESTS_MB),
    ]


def watch_goals(result: Mapping[str, Any]) -> list[Goal]:
    """Of a whole monitor run."""
    told = result["watch"]
    return [
        Goal("monitor run, seconds", told["seconds"], WATCH_SECONDS),
        Goal("monitor run, peak MB", told["peak_mb"], WATCH_MB),
    ]


def section(result: Mapping[str, Any]) -> str:
    """Markdown: the tests at a million rows, and the monitor run."""
    tests, watch = result["tests"], result["watch"]
    lines = ["| drift run, 1 million rows × 10 columns | seconds | CPU seconds | peak MB |", "|---|---|---|---|"]
    for name, title in TITLES.items():
        told = tests[name][MILLION]
        times = "" if name == "ours" else f" ({told['seconds'] / tests['ours'][MILLION]['seconds']:.0f}×)"
        lines.append(f"| {title} | {told['seconds']:.2f}{times} | {told['cpu_seconds']:.2f} | {told['peak_mb']:.0f} |")
    met = all(goal.met for goal in tests_goals(result))
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in watch["parts"].items())
    seen = all(goal.met for goal in watch_goals(result))
    return "\n".join(
        [
            *lines,
            "",
            f"Goal, reference included: 2 s, 500 MB: {'met' if met else 'missed'}. From 10⁴ to 10⁷ rows: "
            "[plot](benchmarks/results/monitoring.svg).",
            "",
            f"A monitor run of {watch['entities']} entities with {watch['origins']} days of hourly predictions, report and pages "
            f"included: **{watch['seconds']:.1f} s, {watch['peak_mb']} MB**, {watch['cpu_seconds']:.1f} s of CPU (goal 30 s, 1 GB: {'met' if seen else 'missed'}); "
            f"seconds: {parts}. Load of the machine at the start: {result['machine']['load']}.",
        ]
    )


def into_readme(result: Mapping[str, Any]) -> None:
    """Replace what lies between the markers.

    Raises:
        RuntimeError: The README has no such markers.
    """
    text = README.read_text()
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise RuntimeError(f"README.md has no {BEGIN} … {END}")
    README.write_text(f"{before}{BEGIN}\n{section(result)}\n{END}{after}")


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Seconds and peak memory against rows; the same figures give the same file."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "monitoring"
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharex=True)
    for panel, key, label, goal in zip(
        axes, ("seconds", "peak_mb"), ("seconds", "peak MB"), (TESTS_SECONDS, TESTS_MB), strict=True
    ):
        for name, title in TITLES.items():
            told = result["tests"][name]
            style = {"color": "#c44e52", "linewidth": 2.5} if name == "ours" else {}
            panel.plot([int(rows) for rows in told], [one[key] for one in told.values()], "o-", label=title.strip("*"), **style)
        panel.plot([1_000_000], [goal], "k_", markersize=18, label="goal")
        panel.set(xscale="log", yscale="log", xlabel="rows × 10 columns", ylabel=label)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
