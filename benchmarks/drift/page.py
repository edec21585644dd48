"""The tables of docs/drift.md and README, and the picture of the ROC curves."""

from pathlib import Path
from typing import Any

from benchmarks.drift.injections import KINDS

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "drift" / "roc.png"
PAGES = (ROOT / "docs" / "drift.md", ROOT / "README.md")
BEGIN, END = "<!-- drift -->", "<!-- /drift -->"


def table(result: dict[str, Any]) -> str:
    """All contestants, one line each."""
    heads = [
        "",
        "entity-years",
        "false alarms per entity-year",
        "found of 200",
        *KINDS,
        "found at 2 false alarms a year",
        "area under ROC",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for one in result["contestants"]:
        cells = [
            one["name"],
            one["entity_years"],
            one["false_alarms_per_entity_year"],
            f"{one['found']} ({one['found'] / one['of']:.0%})",
        ]
        cells += [one["by_kind"][kind] for kind in KINDS]
        cells += [one["found_at_two_a_year"], f"{one['auc']:.3f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def facts(result: dict[str, Any]) -> str:
    """What the table does not tell: panels, daily windows, every miss and every alarm."""
    ours = result["ours"]
    lines = [
        f"Thresholds `{result['thresholds'][:12]}`, registration `{result['registration'][:12]}`, {result['entity_years']} entity-years.",
        "",
    ]
    for name, panel in ours["panels"].items():
        lines.append(
            f"- {name}: {panel['entity_years']} entity-years, {panel['false_alarms_per_entity_year']} false alarms per entity-year; "
            f"found {ours['by_panel'].get(name, 'none drawn')}; {panel['weeks_without_enough_history']} weeks with too little history to judge."
        )
    daily = ours["daily"]
    lines.append(
        f"- Daily windows, same thresholds: {daily['found']} found within 14 days, after {daily['hours_median']} hours of truth in the median, "
        f"{daily['hours_p90']} at the 90th percentile; {daily['alarms_begun_per_entity_year']} false alarms begin per entity-year."
    )
    told = ", ".join(f"{kind} {found}" for kind, found in ours["oracle"].items())
    lines.append(f"- Told kind, sign, first day and, with hindsight, the threshold of 2 a year, an oracle finds: {told}.")
    for title, key in (("Missed", "misses"), ("False alarms", "alarms"), ("Excluded by the registered rules", "excluded")):
        lines += [
            "",
            f"<details><summary>{title}: {len(ours[key])}</summary>",
            "",
            *(f"- {line}" for line in ours[key]),
            "",
            "</details>",
        ]
    return "\n".join(lines)


def write(result: dict[str, Any]) -> None:
    """Fill both pages' marked sections and draw the picture."""
    for page in PAGES:
        text = page.read_text()
        if BEGIN not in text:
            continue
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        body = table(result) + (f"\n\n{facts(result)}" if page.name == "drift.md" else "")
        page.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}")
    draw(result)


def draw(result: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 5.2), layout="constrained")
    for one in result["contestants"]:
        calm, moved = zip(*one["roc"], strict=True)
        axes.plot(calm, moved, label=f"{one['name']} ({one['auc']:.3f})", linewidth=2 if one["name"] == "Evenkeel" else 1.2)
    axes.set(xlabel="share of calm pairs of weeks flagged", ylabel="share of 200 injections found", xlim=(0, 1), ylim=(0, 1.01))
    axes.legend(loc="lower right", frameon=False)
    axes.grid(alpha=0.3)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    pyplot.close(figure)
