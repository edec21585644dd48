"""How a change of filters or of rules would do: `python -m benchmarks.drift.develop`, before the score is read again.

Levels and amplitudes of the registered sizes, up and down, are put into every normal week of the calibration part whose next
week counts too. What is judged is what the product would judge; thresholds are fixed anew on the same normal weeks. Nothing of
the scoring part is read. Half of the quarters are enough to compare two ideas: `--every 2`. `--alone` tells the normal days
nothing of holidays and weather: what a use case without a `context` finds.
"""

import argparse
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.drift.calibrate import WEEKS, calibrated, quiet_weeks
from benchmarks.drift.counted import Counted, counted
from benchmarks.drift.injections import Injection, injected
from benchmarks.drift.panels import Panel, load
from benchmarks.drift.registered import Part, parts
from benchmarks.drift.walk import TESTS, WARM_UP, Fold, Test, cut, walked
from model_code.faults.innovation import clipped
from model_code.faults.normal import transformed
from model_code.faults.thresholds import Kind, Thresholds, thresholds

SOUGHT: tuple[Kind, ...] = ("level", "scale")
LOOKS = (7, 14)  # days after the change began
ASKED = tuple(test for test in TESTS if test.kind)


@dataclass(frozen=True)
class Put:
    """One change put into one normal week.

    Attributes:
        scores: Test -> the larger standard score of the two looks, without its sign; 0 where not known.
        whole: Test -> what a change by the whole would make of it.
    """

    kind: str
    panel: str
    scores: Mapping[Test, float]
    whole: Mapping[Test, float]

    def found(self, limits: Thresholds) -> bool:
        """Whether either look is a verdict."""
        return any(score > float(test.needs(limits, np.array(self.whole[test]))) for test, score in self.scores.items())


def put(panel: Panel, fold: Fold, left: np.ndarray, change: Injection) -> Put:
    """Judge one change as the product would, from the remainders without it: no entity listens to itself.

    Args:
        panel: The panel.
        fold: Whose days hold the fortnight from the change's first day on.
        left: (D, S) what the fold's normal day leaves of the changed area's days, from nine weeks before the fold on.
        change: A level or an amplitude.
    """
    area, began, begin = panel.grid.entities[change.place], max(0, fold.begin - WARM_UP), max(0, change.first - WARM_UP)
    before = cut(panel.grid, begin, change.first + LOOKS[-1])
    after = injected(before, change, change.first - begin)
    normal, place = fold.profile.normal, change.place
    moved = (transformed(after.values, normal.transform) - transformed(before.values, normal.transform))[:, :, place]
    heard = clipped(left[begin - began :][: len(moved)] + moved, normal.entities[area].usual)
    scores: dict[Test, float] = {}
    whole: dict[Test, float] = {}
    for test in ASKED:
        one = fold.profile.filters.get(area, {}).get(test.days)
        told = {} if one is None else one.scores(heard, after.values[:, :, place], test.days, normal.transform)
        if one is not None and test.kind in told:
            ends = [change.first - begin + look - 1 for look in LOOKS]
            scores[test] = float(np.abs(np.nan_to_num(told[test.kind][ends])).max())
            whole[test] = one.told(test.kind, test.days, normal.transform)
    return Put(change.kind, panel.name, scores, whole)


def puts(panel: Panel, weeks: Counted, used: Sequence[Fold]) -> Iterator[Put]:
    """Every change of a panel: each sought kind, up and down, in each week whose next week counts and is judged by the same fold."""
    counts = set(weeks.weeks)
    for fold in used:
        began = max(0, fold.begin - WARM_UP)
        left = fold.profile.normal.remainders(cut(panel.grid, began, fold.end), panel.conditions[began : fold.end])
        for place, last in weeks.weeks:
            area = panel.grid.entities[place]
            if not fold.begin <= last - 6 or last + 7 >= fold.end or (place, last + 7) not in counts or area not in left:
                continue
            for kind in SOUGHT:
                for sign in (1, -1):
                    yield put(panel, fold, left[area], Injection(kind, panel.name, place, last - 6, sign))


def developed(every: int = 1, *, alone: bool = False) -> tuple[dict[Test, list[float]], list[Put]]:
    """The largest score of each test in every normal week of the calibration part, and every change judged.

    Args:
        every: Which quarters: all, or every so many-th.
        alone: Tell normal days nothing but calendar and neighbours.
    """
    values: dict[Test, list[float]] = {test: [] for test in TESTS}
    done: list[Put] = []
    for part in parts("calibration"):
        panel, weeks, used = _judged(part, every, values, alone)
        done += puts(panel, weeks, used)
    return values, done


def alarms(values: Mapping[Test, Sequence[float]], limits: Thresholds) -> float:
    """False alarms an entity-year in those weeks."""
    broken = [np.array(values[test]) > test.needs(limits, np.zeros(len(values[test]))) for test in TESTS]
    return WEEKS * float(np.any(broken, axis=0).mean())


def _judged(part: Part, every: int, values: Mapping[Test, list[float]], alone: bool) -> tuple[Panel, Counted, list[Fold]]:
    panel = load(part)
    panel = replace(panel, conditions=panel.conditions[:, :, :0]) if alone else panel
    told, used = walked(panel, part, every)
    found = counted(panel, part)
    judged = tuple(week for week in found.weeks if any(fold.begin <= week[1] < fold.end for fold in used))
    weeks = Counted(judged, found.kept, found.excluded)
    for test, more in quiet_weeks(told, weeks).items():
        values[test].extend(more)
    return panel, weeks, used


def table(limits: Thresholds, done: Sequence[Put]) -> str:
    """Share found by kind and panel, in per cent."""
    hits: dict[str, dict[str, list[bool]]] = {kind: defaultdict(list) for kind in SOUGHT}
    for one in done:
        for group in (one.panel, "all"):
            hits[one.kind][group].append(one.found(limits))
    groups = [*sorted({one.panel for one in done}), "all"]
    lines = [f"| | {' | '.join(groups)} |", "|---" * (len(groups) + 1) + "|"]
    return "\n".join(
        lines + [f"| {kind} | {' | '.join(f'{100 * np.mean(by[group]):.1f}' for group in groups)} |" for kind, by in hits.items()]
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--every", type=int, default=1, help="learn and judge every so many-th quarter only")
    asked.add_argument("--alone", action="store_true", help="tell normal days nothing of holidays and weather")
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    values, done = developed(options.every, alone=options.alone)
    anew = calibrated(values)
    print(anew.model_dump_json(), f"\n{len(done)} changes")
    for name, limits in (("fixed anew on these weeks", anew), ("as kept", thresholds())):
        print(f"\nThresholds {name}: {alarms(values, limits):.2f} false alarms an entity-year\n\n{table(limits, done)}")


if __name__ == "__main__":
    main()
