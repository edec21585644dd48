"""What each scored area's own noise lets one see: `python -m benchmarks.drift.noise` fills the table of docs/drift.md.

The profile that the last quarter of the score is judged by tells how far a fortnight's level and amplitude wander when nothing
is wrong. A change is found 19 times of 20 from threshold + 1.64 of these standard deviations on.
"""

from benchmarks.drift.counted import counted
from benchmarks.drift.page import ROOT
from benchmarks.drift.panels import load
from benchmarks.drift.registered import Part, parts
from benchmarks.drift.walk import cut
from model_code.faults.filters import Filter
from model_code.faults.profile import ColumnProfile, learn_column
from model_code.faults.thresholds import Kind, Thresholds, thresholds

WINDOW, SURE = 14, 1.64
SOUGHT: dict[Kind, float] = {"level": 5.0, "scale": 10.0}
BEGIN, END = "<!-- noise -->", "<!-- /noise -->"


def noise(profile: ColumnProfile, area: str, kind: Kind) -> float | None:
    """Standard deviation of a fortnight's size of a kind, in per cent; None where it has no filter."""
    one = profile.filters.get(area, {}).get(WINDOW)
    if not isinstance(one, Filter) or kind not in one.kinds:
        return None
    told = one.told(kind, WINDOW, profile.normal.transform)
    return 100 / told if told > 0 else None


def table(found: dict[str, ColumnProfile], limits: Thresholds) -> str:
    """One line an area, the noisiest first."""
    rows = []
    for profile in found.values():
        for area in profile.filters:
            told = {kind: noise(profile, area, kind) for kind in SOUGHT}
            rows.append((area, {kind: value for kind, value in told.items() if value is not None}))
    rows.sort(key=lambda row: -row[1].get("level", 0.0))
    heads = "| | noise of a level, % | found 19 times of 20 from | noise of an amplitude, % | found 19 times of 20 from |"
    return "\n".join([heads, "|---|---|---|---|---|", *(_line(area, told, limits) for area, told in rows)])


def _line(area: str, told: dict[Kind, float], limits: Thresholds) -> str:
    cells = []
    for kind, sought in SOUGHT.items():
        size = told.get(kind, float("nan"))
        least = (limits.of(kind, WINDOW, 100 / size) + SURE) * size
        cells += [f"{size:.2f}", f"{least:.1f} %" if least <= sought else f"**{least:.1f} %**"]
    return f"| {area} | " + " | ".join(cells) + " |"


def learned(part: Part) -> ColumnProfile:
    """The profile before the last quarter of a part's counted weeks."""
    panel = load(part)
    last = max(last for _, last in counted(panel, part).weeks) - 91
    return learn_column(cut(panel.grid, 0, last), panel.conditions[:last])


def main() -> None:
    text = table({part.panel: learned(part) for part in parts("scoring")}, thresholds())
    page = ROOT / "docs" / "drift.md"
    before, found, rest = page.read_text().partition(BEGIN)
    print(text)
    if found:
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
