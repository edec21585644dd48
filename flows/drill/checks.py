"""What must have become of each drill: the right verdicts, the right champion, and what the ledger says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.drill.course import Course, Seen
from flows.drill.harm import harms
from flows.drill.script import DAY, LOOK_AT, Script, local_day

FIRST = "1"
DEADLINE = 8 * DAY  # seven origins, told a day later
SOON = 4 * DAY  # an alert comes no later


@dataclass(frozen=True)
class Finding:
    """One thing that must be so, whether it is, and what was found."""

    wanted: str
    met: bool
    found: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.met else 'NOT '} {self.wanted}: {self.found}"


@dataclass(frozen=True)
class Outcome:
    """The end state of one drill."""

    findings: tuple[Finding, ...]
    harms: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Everything as it must be, and no harm done."""
        return all(finding.met for finding in self.findings) and not self.harms


def check(script: Script, course: Course) -> Outcome:
    """Hold the course of a drill against what must become of it."""
    return Outcome(tuple(CHECKS[script.name](script, course)), tuple(harms(script, course)))


def _bad_release(script: Script, course: Course) -> Iterator[Finding]:
    limit = script.begin + SOON + LOOK_AT
    back = course.rollbacks
    yield Finding("one rollback", len(back) == 1, f"{len(back)}")
    yield Finding("within 4 days of the release", bool(back) and back[0].at <= limit, _when([move.at for move in back]))
    yield _champion(course, FIRST)
    yield Finding("nothing else was done", len(course.actions) == len(back), course.told(script.begin, _end(course)))
    told = [look for look in course.looks if look.verdict.action == "rollback" and look.verdict.to_version == FIRST]
    yield Finding(
        "the ledger has the verdict with its evidence", bool(told) and bool(told[0].evidence.series), f"{len(told)} verdicts"
    )


def _demand_shift(script: Script, course: Course) -> Iterator[Finding]:
    acts = [action for action in course.actions if action.at >= script.begin]
    first = acts[0].action if acts else "nothing"
    yield Finding("the first act is a retrain", first == "retrain", first)
    yield Finding(
        "within 8 days of the shift", bool(acts) and acts[0].at <= script.begin + DEADLINE + LOOK_AT, _when([a.at for a in acts])
    )
    yield Finding("no rollback", not course.rollbacks, f"{len(course.rollbacks)}")
    yield _newest_retrained(course)
    yield _nothing_before(script, course)


def _held_with_data_at_fault(script: Script, course: Course) -> Iterator[Finding]:
    assert script.end is not None
    yield _no_action(script, course)
    yield _champion(course, FIRST)
    during = course.between(script.begin, script.end + SOON)
    told = [look for look in during if look.blames_data and look.alerted]
    soon = bool(told) and told[0].at <= script.begin + SOON + LOOK_AT
    yield Finding("data at fault is told within 4 days", soon, _when([look.at for look in told]))
    yield _recovered(course)


def _truth_delayed(script: Script, course: Course) -> Iterator[Finding]:
    assert script.end is not None
    yield from _held_with_data_at_fault(script, course)
    silent = [origin for origin in _days(script.begin, script.end) if origin not in course.points()]
    yield Finding("what was late is judged once it is there", not silent, f"{len(silent)} of 7 origins unjudged")


def _truth_revised(script: Script, course: Course) -> Iterator[Finding]:
    assert script.end is not None
    yield Finding(
        "no model takes over", not course.moves, f"{len(course.moves)} moves; {course.told(script.begin, _end(course))}"
    )
    yield _champion(course, FIRST)
    for origin in _days(script.begin, script.end):
        biases = [point.bias for look in course.looks for point in look.evidence.series[0].origins if point.origin == origin]
        moved = max(biases, default=0.0) - min(biases, default=0.0)
        yield Finding(f"{local_day(origin)} is judged again with the revision", moved > 0.1, f"its bias moved by {moved:.2f} GW")
    yield _recovered(course)


def _natural_extreme(script: Script, course: Course) -> Iterator[Finding]:
    assert script.end is not None
    yield _no_action(script, course)
    yield _champion(course, FIRST)
    missed = [origin for origin in _days(script.begin, script.end) if origin not in course.points()]
    yield Finding("every day of it is judged", not missed, f"{len(missed)} missed")


def _drift_back(script: Script, course: Course) -> Iterator[Finding]:
    assert script.end is not None
    there = [action for action in course.actions if script.begin <= action.at < script.end]
    back = [action for action in course.actions if action.at >= script.end]
    yield Finding(
        "a retrain after the shift", bool(there) and there[0].action == "retrain", course.told(script.begin, script.end)
    )
    late = [action.at for action in back if action.at <= script.end + DEADLINE + LOOK_AT]
    yield Finding("a retrain or rollback after it went away", bool(late), course.told(script.end, _end(course)))
    moved = [move.at for move in course.moves]
    yield Finding("the champion moves at most twice each way", len(moved) <= 4, _when(moved))
    yield _nothing_before(script, course)
    yield _recovered(course)


def _flapping_metric(script: Script, course: Course) -> Iterator[Finding]:
    yield Finding("one rollback", len(course.rollbacks) == 1, f"{len(course.rollbacks)}")
    yield _champion(course, FIRST)
    gaps = [later.at - earlier.at for earlier, later in zip(course.actions, course.actions[1:], strict=False)]
    short = [gap for gap in gaps if gap < 3 * DAY]
    yield Finding("never two actions within the cool-down", not short, f"{len(short)} too soon")
    yield Finding("one action", len(course.actions) == 1, course.told(script.begin, _end(course)))


CHECKS: dict[str, Callable[[Script, Course], Iterator[Finding]]] = {
    "bad_release": _bad_release,
    "demand_shift": _demand_shift,
    "sensor_stuck": _held_with_data_at_fault,
    "missing_weather": _held_with_data_at_fault,
    "truth_delayed": _truth_delayed,
    "truth_revised": _truth_revised,
    "natural_extreme": _natural_extreme,
    "drift_back": _drift_back,
    "flapping_metric": _flapping_metric,
}


def _champion(course: Course, wanted: str) -> Finding:
    return Finding(f"version {wanted} reigns", course.champion == wanted, f"version {course.champion}")


def _newest_retrained(course: Course) -> Finding:
    wanted = str(course.retrained[-1].to_version) if course.retrained else FIRST
    return _champion(course, wanted)


def _no_action(script: Script, course: Course) -> Finding:
    return Finding(
        "nothing is done to the model", not course.actions, course.told(script.begin - script.lead_in * DAY, _end(course))
    )


def _nothing_before(script: Script, course: Course) -> Finding:
    early = [action.at for action in course.actions if action.at < script.begin]
    return Finding("nothing before it began", not early, _when(early))


def _recovered(course: Course) -> Finding:
    """The last look trusts its evidence again and asks nobody."""
    last: Seen = course.looks[-1]
    return Finding("all is quiet in the end", not last.alerted and last.verdict.action == "hold", "; ".join(last.verdict.reasons))


def _days(start: datetime, end: datetime) -> list[datetime]:
    return [start + day * DAY for day in range((end - start).days)]


def _end(course: Course) -> datetime:
    return course.looks[-1].at + timedelta(days=1)


def _when(moments: list[datetime]) -> str:
    return ", ".join(map(local_day, moments[:4])) or "never"
