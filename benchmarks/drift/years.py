"""False alarms by area and year, of what the score kept: where and when they come, and in how many years there are none."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from benchmarks.drift.registered import Part, parts

ALARM = re.compile(r"(?P<area>\S+) week to (?P<day>\d{4}-\d\d-\d\d): ")
LEFT_OUT = re.compile(r"(?P<year>\S+ \d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d): ")
Year = tuple[str, str, str]  # area, first day, last day


def table(ours: Mapping[str, Any]) -> str:
    """One row an area, one column a year, for each panel; `–` where the registered rules left the year out.

    Args:
        ours: What only our own tests tell: `alarms` and `excluded`, a line each.

    Raises:
        ValueError: An alarm in no counted year.
    """
    counts, panels = by_year(ours), parts("scoring")
    told = [_panel(part, counts) for part in panels]
    return "\n\n".join([*told, _summary(counts)])


def by_year(ours: Mapping[str, Any]) -> dict[Year, int]:
    """False alarms of every counted year of an area."""
    left_out = {found["year"] for line in ours["excluded"] if (found := LEFT_OUT.match(line))}
    years = [(area, str(begin), str(end)) for part in parts("scoring") for area in part.areas for begin, end in part.years]
    counts = {year: 0 for year in years if f"{year[0]} {year[1]}..{year[2]}" not in left_out}
    for line in ours["alarms"]:
        counts[_year_of(line, counts)] += 1
    return counts


def _year_of(line: str, counts: Mapping[Year, int]) -> Year:
    alarm = ALARM.match(line)
    found = [year for year in counts if alarm and year[0] == alarm["area"] and year[1] <= alarm["day"] <= year[2]]
    if len(found) != 1:
        raise ValueError(f"in no counted year: {line}")
    return found[0]


def _panel(part: Part, counts: Mapping[Year, int]) -> str:
    years = [(str(begin), str(end)) for begin, end in part.years]
    lines = [
        f"| {part.panel} | {' | '.join(_name(*year) for year in years)} | a year |",
        "|---" * (len(years) + 2) + "|",
    ]
    for area in part.areas:
        cells = [counts.get((area, *year)) for year in years]
        known = [cell for cell in cells if cell is not None]
        mean = f"{sum(known) / len(known):.1f}" if known else "–"
        lines.append(f"| {area} | {' | '.join('–' if cell is None else str(cell) for cell in cells)} | {mean} |")
    return "\n".join(lines)


def _name(begin: str, end: str) -> str:
    first, last = date.fromisoformat(begin).year, date.fromisoformat(end).year
    return str(first) if first == last else f"{first}/{last % 100:02}"


def _summary(counts: Mapping[Year, int]) -> str:
    spread = Counter(min(number, 5) for number in counts.values())
    told = ", ".join(f"{spread[number]} with {'5 or more' if number == 5 else number}" for number in range(6))
    return f"{sum(counts.values())} false alarms in {len(counts)} counted years of areas: {told}; at most {max(counts.values())}."
