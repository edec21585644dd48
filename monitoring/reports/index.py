"""The index pages: plain lists, newest first, readable without a script."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from monitoring.reports.record import Record

KINDS = {"drift": "drift", "quality": "quality", "data": "data"}
HEAD = ("judged at", "verdict", "drifted (Evidently)", "drifted (ours)", "quality", "occasion", "pages", "what stands out")
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --bad: #b3261e; --good: #2e7d32; --warn: #b26a00; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } p { color: var(--soft); margin: .2rem 0 1rem; } a { color: inherit; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--soft); white-space: nowrap; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; } td.why { min-width: 14rem; } details { color: var(--soft); font-size: .85em; } summary { cursor: pointer; }
td.links { white-space: nowrap; } td small { display: block; color: var(--soft); }
.hold { color: var(--good); } .act { color: var(--bad); font-weight: 600; } .warn { color: var(--warn); }
""".strip()


def of_usecase(usecase: str, records: Sequence[Record]) -> str:
    """Every report of one use case, newest first."""
    told = f'{len(records)} reports, newest first. <a href="../index.html">All use cases</a>.'
    rows = "\n".join(_row(_cells(record, "")) for record in records)
    return _page(f"Reports of {usecase}", told, f"{_row(HEAD, 'th')}\n{rows}")


def of_all(records: Mapping[str, Sequence[Record]]) -> str:
    """The newest report of each use case."""
    rows = []
    for usecase, found in sorted(records.items()):
        link = f'<a href="{escape(usecase)}/index.html">{escape(usecase)}</a><small>{len(found)} reports</small>'
        rows.append(_row([f"<td>{link}</td>", *_cells(found[0], f"{escape(usecase)}/")]))
    told = "The newest report of each use case. What each page says: docs/reports.md."
    return _page("Reports", told, "\n".join([_row(("use case", *HEAD), "th"), *rows]))


def banner(record: Record, kind: str) -> str:
    """What stands above each of Evidently's pages: whose it is, what it is compared with, what was made of it."""
    told = [f"judged at {_moment(record.at)}", f"version {record.champion or '–'}", f"verdict {record.verdict}"]
    beside = f"Compared with {record.reference}." if record.reference and kind != "quality" else ""
    first = record.breach or (record.reasons[0] if record.reasons else "")
    return (
        f"<title>{escape(f'{record.usecase}: {kind}')}</title>"
        f'<div style="font:15px/1.5 system-ui,sans-serif;padding:1rem 1.5rem 0;color:#666">'
        f'<a href="index.html" style="color:inherit">{escape(record.usecase)}</a> · {escape(kind)} · {escape(", ".join(told))}<br>'
        f"{escape(' '.join(part for part in (beside, first) if part))}</div>"
    )


def _cells(record: Record, folder: str) -> list[str]:
    links = " · ".join(
        f'<a href="{folder}{escape(record.pages[kind])}">{title}</a>' for kind, title in KINDS.items() if kind in record.pages
    )
    return [
        f'<td class="number">{_moment(record.at)}<small>version {escape(record.champion or "–")}</small></td>',
        f'<td class="{"hold" if record.verdict == "hold" else "act"}">{escape(record.verdict)}</td>',
        f'<td class="number">{_share(record.drift_share)}</td>',
        f'<td class="number">{_share(record.shift_share)}</td>',
        f'<td class="number{" warn" if record.breach else ""}">{_quality(record)}</td>',
        f"<td>{record.occasion}</td>",
        f'<td class="links">{links or "–"}</td>',
        f'<td class="why">{_why(record)}</td>',
    ]


def _why(record: Record) -> str:
    first, *others = [record.breach, *record.reasons] if record.breach else (record.reasons or ("–",))
    rest = [*others, *record.worst, *([f"Compared with {record.reference}"] if record.reference else []), *record.notes]
    more = f"<details><summary>more</summary>{'<br>'.join(map(escape, rest))}</details>" if rest else ""
    return f"{escape(str(first))}{more}"


def _quality(record: Record) -> str:
    if not record.quality:
        return "–"
    name, value = next(iter(record.quality.items()))
    beside = f"<small>expected {record.expected:.3g}</small>" if record.expected else ""
    return f"{escape(name)} {value:.3g}{beside}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _row(cells: Iterable[str], tag: str = "") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" if tag else cell for cell in cells) + "</tr>"


def _page(title: str, told: str, table: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{STYLE}\n</style></head>\n'
        f'<body><h1>{escape(title)}</h1>\n<p>{told}</p>\n<div class="wide"><table>\n{table}\n</table></div></body></html>\n'
    )
