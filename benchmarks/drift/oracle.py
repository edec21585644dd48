"""How much could be found at all: a filter that is told what to look for, where, since when, and how wild the area will be.

It knows the kind of the change, its sign and its first day, asks the one test made for it, and has with hindsight the very
threshold that the area's own scored weeks break twice a year. A verdict has to do without all of this: what the oracle cannot
find at the end of the fortnight, no choice of thresholds on the same remainders and filters finds but by luck.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.drift.ours import Changed, World
from benchmarks.drift.walk import Test
from model_code.faults.filters import KINDS

RATE, WEEKS, WINDOW = 2, 52, 14


def reachable(found: Mapping[str, World], changes: Sequence[Changed]) -> dict[str, str]:
    """Kind of change -> how many of its injections the oracle finds; kinds without a filter of their own are not told."""
    told = {}
    for kind in KINDS:
        test, group = Test(kind, WINDOW), [one for one in changes if one.change.kind == kind]
        told[kind] = f"{sum(_seen(found[one.change.panel], one, test) for one in group)} of {len(group)}"
    return told


def _seen(world: World, one: Changed, test: Test) -> bool:
    place, sign = one.change.place, one.change.sign
    calm = np.array([sign * world.told[test].score[last, at] for at, last in world.weeks.weeks if at == place])
    known = calm[np.isfinite(calm)]
    return bool(len(known) and sign * one.last[test] > np.quantile(known, 1 - RATE / WEEKS))
