"""From verdicts to figures: false alarms, detection, ROC, misses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.drift.injections import KINDS
from benchmarks.drift.oracle import reachable
from benchmarks.drift.ours import DAYS, Changed, World
from benchmarks.drift.rivals import Said
from benchmarks.drift.walk import TESTS

WEEKS = 52
ENDS = (6, 13)  # days after the first on which the two weekly windows end


def our_weeks(found: Mapping[str, World]) -> list[float]:
    return [float(world.ratios[last, place]) for world in found.values() for place, last in world.weeks.weeks]


def ours_said(found: Mapping[str, World], changes: Sequence[Changed]) -> Said:
    """Our own answers in the form of a peer's."""
    score = our_weeks(found)
    later = [[float(one.ratios[end]) for end in ENDS] for one in changes]
    return Said(score, [s > 1 for s in score], later, [[s > 1 for s in pair] for pair in later])


def told(name: str, said: Said, changes: Sequence[Changed], pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """One contestant's figures; a negative of the ROC is a pair of weeks that follow each other, a positive the two of an injection."""
    asked = np.array(said.score)[np.isfinite(said.score)]
    years = len(asked) / WEEKS
    hit = [any(pair) for pair in said.changed_alarm]
    calm, moved = _pairs(said.score, pairs), np.array([max(pair) for pair in said.changed_score])
    limit = np.quantile(asked, 1 - 2 / WEEKS)
    return {
        "name": name,
        "entity_years": round(years, 1),
        "false_alarms_per_entity_year": round(sum(said.alarm) / years, 2),
        "found": sum(hit),
        "of": len(hit),
        "found_in_first_week": sum(pair[0] for pair in said.changed_alarm),
        "by_kind": _by_kind(changes, hit),
        "auc": round(_auc(calm, moved), 4),
        "found_at_two_a_year": int((moved > limit).sum()),
        "roc": _roc(calm, moved),
    }


def details(found: Mapping[str, World], changes: Sequence[Changed]) -> dict[str, Any]:
    """What only ours can tell: panels, exclusions, alarms, daily windows, misses."""
    first_day = [next((day + 1 for day in range(DAYS) if one.ratios[day] > 1), None) for one in changes]
    days = [day for day in first_day if day is not None]
    return {
        "panels": {name: _panel(world) for name, world in found.items()},
        "by_panel": {
            name: f"{sum((one.ratios[list(ENDS)] > 1).any() for one in group)} of {len(group)}"
            for name in found
            if (group := [one for one in changes if one.change.panel == name])
        },
        "oracle": reachable(found, changes),
        "excluded": [line for world in found.values() for line in world.weeks.excluded],
        "daily": {
            "found": len(days),
            "hours_median": float(np.median(days) * 24) if days else None,
            "hours_p90": float(np.quantile(days, 0.9) * 24) if days else None,
            "alarms_begun_per_entity_year": round(_begun(found), 2),
        },
        "alarms": [
            _alarm(world, place, last)
            for world in found.values()
            for place, last in world.weeks.weeks
            if world.ratios[last, place] > 1
        ],
        "misses": [_miss(found[one.change.panel], one) for one in changes if not (one.ratios[list(ENDS)] > 1).any()],
    }


def pairs_of(found: Mapping[str, World]) -> list[tuple[int, int]]:
    """Positions (in the order of the weeks) of weeks that follow each other in one area."""
    places: dict[tuple[str, int, int], int] = {}
    for name, world in found.items():
        for place, last in world.weeks.weeks:
            places[name, place, last] = len(places)
    return [
        (at, places[name, place, last + 7]) for (name, place, last), at in places.items() if (name, place, last + 7) in places
    ]


def _panel(world: World) -> dict[str, Any]:
    weeks = world.weeks.weeks
    alarms = sum(world.ratios[last, place] > 1 for place, last in weeks)
    blind = sum(not any(world.tests[test][last, place] for test in TESTS if test.kind == "level") for place, last in weeks)
    return {
        "entity_years": round(len(weeks) / WEEKS, 1),
        "false_alarms_per_entity_year": round(float(WEEKS * alarms / len(weeks)), 2),
        "weeks_without_enough_history": blind,
    }


def _begun(found: Mapping[str, World]) -> float:
    """Alarms of daily windows that begin (none in the week before), per counted entity-year."""
    begun = weeks = 0
    for world in found.values():
        over = world.ratios > 1
        for place, last in world.weeks.weeks:
            weeks += 1
            begun += sum(over[day, place] and not over[day - 7 : day, place].any() for day in range(last - 6, last + 1))
    return WEEKS * begun / weeks


def _alarm(world: World, place: int, last: int) -> str:
    test = max(world.tests, key=lambda one: world.tests[one][last, place])
    return f"{world.panel.grid.entities[place]} week to {world.panel.grid.days[last]}: {test.name} {world.ratios[last, place]:.2f} times its threshold"


def _miss(world: World, one: Changed) -> str:
    area, day = world.panel.grid.entities[one.change.place], world.panel.grid.days[one.change.first]
    return f"{one.change.kind} {one.change.sign:+d} {area} from {day}: {max(one.ratios[list(ENDS)]):.2f} of its threshold"


def _by_kind(changes: Sequence[Changed], hit: Sequence[bool]) -> dict[str, str]:
    all_of = Counter(one.change.kind for one in changes)
    found = Counter(one.change.kind for one, was in zip(changes, hit, strict=True) if was)
    return {kind: f"{found[kind]} of {all_of[kind]}" for kind in KINDS}


def _pairs(score: Sequence[float], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    both = np.array([[score[a], score[b]] for a, b in pairs]).max(axis=1)
    return np.asarray(both[np.isfinite(both)])


def _auc(calm: np.ndarray, moved: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.r_[np.zeros(len(calm)), np.ones(len(moved))], np.r_[calm, moved]))


def _roc(calm: np.ndarray, moved: np.ndarray) -> list[list[float]]:
    """Share of calm pairs and of injections above each limit, thinned to what a picture needs."""
    limits = np.quantile(np.r_[calm, moved], np.linspace(1, 0, 201))
    return [[round(float((calm > limit).mean()), 4), round(float((moved > limit).mean()), 4)] for limit in limits]
