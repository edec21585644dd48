"""Harm that a loop must never do, whatever the drill: a good model rolled back, a bad one kept."""

from collections.abc import Iterator
from datetime import timedelta

from flows.drill.course import Course
from flows.drill.script import DAY, LOOK_AT, Script, local_day

WINDOWS = 3
FAULTY = ("sensor_stuck", "missing_weather", "truth_delayed", "truth_revised")
BAD = 1.5


def harms(script: Script, course: Course) -> list[str]:
    """Every harm done, in words; empty is what must be."""
    return [*_good_ones_rolled_back(script, course), *_bad_ones_kept(script, course), *_taught_a_fault(script, course)]


def _good_ones_rolled_back(script: Script, course: Course) -> Iterator[str]:
    """Only what an operator forced was bad; where a shift went away again, going back is as good as retraining."""
    for move in course.rollbacks:
        went_away = script.name == "drift_back" and script.end is not None and move.at >= script.end
        if str(move.from_version) not in course.forced and not went_away:
            yield f"version {move.from_version}, which was good, was rolled back on {local_day(move.at)}"


def _bad_ones_kept(script: Script, course: Course) -> Iterator[str]:
    """A forced release reigns on, or nothing is done about losses that stay bad, over three windows of origins."""
    long = WINDOWS * course.window
    last = course.looks[-1].at if course.looks else None
    for move in course.moves:
        if str(move.to_version) in course.forced and last is not None:
            gone = min((later.at for later in course.rollbacks if later.at > move.at), default=last)
            if gone - move.at > long * DAY + LOOK_AT:
                yield f"version {move.to_version}, which was bad, was kept for {(gone - move.at).days} days"
    run, acted = 0, [action.at for action in course.actions]
    for origin, point in course.points().items():
        helped = any(timedelta(0) <= at - origin <= 2 * DAY for at in acted)
        run = run + 1 if point.ratio > BAD and origin >= script.begin and not helped else 0
        if run == long and script.name not in FAULTY:
            yield f"losses stayed bad for {run} origins up to {local_day(origin)} and nothing was done"


def _taught_a_fault(script: Script, course: Course) -> Iterator[str]:
    """A model was trained on faulty data and promoted."""
    if script.name in FAULTY:
        for move in course.retrained:
            if move.at >= script.begin:
                yield f"version {move.to_version}, trained on faulty data, was promoted on {local_day(move.at)}"
