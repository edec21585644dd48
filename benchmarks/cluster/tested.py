"""Rows of what the end-to-end tests told: bad releases, faults, the charts' checks."""

from benchmarks.cluster.told import Row, Told

BROKEN = {
    "crashing": "crashing",
    "slow": "slow",
    "hungry": "out of memory",
    "drifted": "golden answers that differ",
}
FAULTS = {
    "deleted": ("a pod is deleted", 0.0),
    "killed": ("a pod's processes are killed at once (`kill -9`)", 0.05),
    "kubelet": ("the kubelet is killed and started; the ingress asks by the Service's address", 0.0),
    "hung": ("the API server hangs for {hung:.0f} s; the ingress asks by the Service's address", 0.0),
    "database": ("PostgreSQL is away for {away:.0f} s", 0.0),
}
"""Case of test_faults.py -> in words, and the share of the requests that may fail."""
CHARTS = {
    "rendered": "lint, golden renders, schemas of Kubernetes 1.31 to 1.37, refusals",
    "installed": "on a cluster {files}",
}
ONLY_RENDERED = (
    "rendered alone, since one node without those parts cannot show it: spread over nodes and zones, CUDA in a pod, cert-manager, "
    "`ReadWriteMany`"
)


def bad_releases(told: Told) -> list[Row]:
    """A release that answers well until callers ask it is caught by what they meet; all others before anybody asks them."""
    rows = []
    if "failing" in told:
        what = "a bad release under load that fails its callers: taken back at a weight of 5 %"
        rows.append(_row(what, "touched", told, ["failing"], 0.05))
    if before := [case for case in BROKEN if case in told]:
        what = f"bad releases under load, refused before any caller: {', '.join(BROKEN[case] for case in before)}"
        rows.append(_row(what, "touched", told, before, 0.0))
    return rows


def faults(told: Told) -> list[Row]:
    """What was broken around the service, a row each."""
    rows = []
    for case, (words, share) in FAULTS.items():
        if case in told:
            what, measured, goal, met = _row(f"fault: {words.format(**told[case])}", "failed", told, [case], share)
            lost = told[case]["lost"]
            rows.append((what, f"{measured}, {lost} predictions lost", f"{goal}, 0 lost", met and not lost))
    return rows


def charts(told: Told) -> list[Row]:
    """Checks of the charts: without a cluster, and on one."""
    cases = [case for case in CHARTS if case in told]
    counts = [f"{told[case]['passed']} of {_all(told[case])} {case}" for case in cases]
    met = all(told[case]["passed"] and not told[case]["failed"] for case in cases)
    what = f"checks of the charts: {'; '.join(CHARTS[case].format(**told[case]) for case in cases)}"
    return [(what, f"{', '.join(counts)} hold ({_days(told, cases)}); {ONLY_RENDERED}", "all hold", met)]


def _row(what: str, word: str, told: Told, cases: list[str], share: float) -> Row:
    """How many requests were harmed in these cases together; where none was asked, the goal is missed."""
    failed, asked = sum(told[case]["failed"] for case in cases), sum(_all(told[case]) for case in cases)
    least = "at least " if any("answered_at_least" in told[case] for case in cases) else ""
    percent = f"{100 * failed / asked:.1f} %; " if failed else ""
    measured = f"{failed} of {least}{asked:,} requests {word} ({percent}{_days(told, cases)})"
    goal = f"≤ {100 * share:g} % {word}" if share else f"0 {word}"
    return what, measured, goal, asked > 0 and failed <= share * asked


def _all(told: Told) -> int:
    return int(told["failed"] + sum(told.get(name, 0) for name in ("answered", "answered_at_least", "passed")))


def _days(told: Told, cases: list[str]) -> str:
    return ", ".join(sorted({told[case]["day"] for case in cases}))
