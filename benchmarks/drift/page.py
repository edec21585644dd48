"""The tables of docs/drift.md and README, and the picture of the ROC curves."""

from pathlib import Path
from typing import Any

from benchmarks.drift import years
from benchmarks.drift.injections import KINDS
from benchmarks.goals import Goal
from benchmarks.marked import within

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "drift" / "roc.png"
PAGES = (ROOT / "docs" / "drift.md", ROOT / "README.md")
MARKER = "drift"
ZONES = 11  # of New York
ALARMS, FOUND = 2.0, 95.0  # a year for an entity; per cent of the injections


def goals(result: dict[str, Any]) -> list[Goal]:
    """What was stated of our own verdicts: false alarms over all and in each panel, and injections found."""
    (ours,) = (one for one in result["contestants"] if one["name"] == "Evenkeel")
    rates = {"all areas": ours["false_alarms_per_entity_year"]}
    rates |= {name: panel["false_alarms_per_entity_year"] for name, panel in result["ours"]["panels"].items()}
    kept = [Goal(f"false alarms per entity-year, {where}", rate, ALARMS) for where, rate in rates.items()]
    return [*kept, Goal("injections found, %", 100 * ours["found"] / ours["of"], FOUND, at_least=True)]


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


def section(result: dict[str, Any], *, whole: bool) -> str:
    """Between the markers: the table and who was asked about which weeks; on the page of its own, all that is known."""
    told = [table(result), counted(result), *asked(result), *([facts(result)] if whole else [])]
    return "\n\n".join(told)


def counted(result: dict[str, Any]) -> str:
    """What the figures count, which is not what the product does."""
    rate = result["ours"]["panels"]["nyiso"]["false_alarms_per_entity_year"]
    return (
        "**What is counted:** flags, each a week in which any test is above its threshold; what the product does about one is not in it. "
        "Stuck, swapped, clock and scale end in hold with a page, and a level retrains only where the loss suffers, so that actions are fewer "
        "than flags. The CUSUM's own budget comes on top. All is told for one area: a use case with eleven zones, as New York's, has at "
        f"{rate} a year each about {ZONES * rate:.0f} flags a year, where two a year for a use case are wanted."
    )


def asked(result: dict[str, Any]) -> list[str]:
    """A sentence about those who were asked about fewer normal weeks than the others; none where nobody was."""
    fewer = [one for one in result["contestants"] if one["entity_years"] < result["entity_years"]]
    if not fewer:
        return []
    names, years_asked = " and ".join(one["name"] for one in fewer), sorted({str(one["entity_years"]) for one in fewer})
    return [
        f"**Not the same normal weeks:** {names} spoke about {' or '.join(years_asked)} of the {result['entity_years']} entity-years alone, "
        "every so many-th fortnight, since each column takes long. Their false alarms, their found at 2 a year and their area under ROC "
        "are of those weeks, and comparable to the others' no closer than that; the 200 injections are the same for all."
    ]


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
    lines += ["", "False alarms by area and year (`–`: left out by the registered rules):", "", years.table(ours)]
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
        page.write_text(within(page.read_text(), MARKER, section(result, whole=page.name == "drift.md")))
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
