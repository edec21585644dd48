"""The peers on the same weeks and the same injections: Evidently's default, NannyML's default, on the load and on our remainder."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.drift.ours import Changed, World
from benchmarks.serving.environments import python_of

MONTH, YEAR, WEEK = 28, 364, 7
SCRIPT = Path(__file__).parent / "peers" / "nannyml_scores.py"
TINY = 1e-300
SILENT, UNASKED = (0.0, False), (float("nan"), False)


@dataclass(frozen=True)
class Said:
    """A peer's answers: normal weeks and injections, in their order.

    Attributes:
        score: (weeks,) larger is more drift; NaN where it was not asked.
        alarm: (weeks,) its own verdict at its default threshold.
        changed_score: (injections, 2) for the first and the second week.
        changed_alarm: (injections, 2).
    """

    score: list[float]
    alarm: list[bool]
    changed_score: list[list[float]]
    changed_alarm: list[list[bool]]

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(self.__dict__)


def evidently(found: Mapping[str, World], changes: Sequence[Changed], what: str, every: int = 1) -> Said:
    """Week against the 28 days before it; of a second week too the 28 days before the injection.

    Each column takes it 60 ms: of the normal weeks only every so many-th fortnight is asked about, the others are NaN.
    """
    score, alarm = [], []
    for world in found.values():
        values, names = _values(world, what), list(world.panel.grid.entities)
        fortnight = world.panel.grid.days.astype(int) // (2 * WEEK)
        ends = sorted({last for _, last in world.weeks.weeks if fortnight[last] % every == 0})
        told = {last: _compared(values[last - 34 : last - 6], values[last - 6 : last + 1], names) for last in ends}
        for place, last in world.weeks.weeks:
            one = told[last].get(names[place], SILENT) if last in told else UNASKED
            score.append(one[0])
            alarm.append(one[1])
    later = []
    for one in changes:
        world, place = found[one.change.panel], one.change.place
        before = _values(world, what)[one.change.first - MONTH : one.change.first, :, place : place + 1]
        after = (one.load if what == "load" else one.left)[:, :, None]
        later.append([_compared(before, after[at : at + WEEK], ["x"]).get("x", (0.0, False)) for at in (0, WEEK)])
    return Said(score, alarm, [[w[0] for w in pair] for pair in later], [[w[1] for w in pair] for pair in later])


def nannyml(found: Mapping[str, World], changes: Sequence[Changed], what: str, every: int = 1) -> Said:
    """Weeks against the 52 weeks before the year (before the injection); quick enough to be asked about every week."""
    reference, analysis, wanted = [], [], []
    for world in found.values():
        values, days = _values(world, what), world.panel.grid.days
        for place, lasts in _years(world):
            first = lasts[0] - 6
            weeks = 1 + (lasts[-1] - lasts[0]) // WEEK
            reference.append(_flat(values[first - YEAR : first, :, place]))
            analysis.append(_flat(_padded(values[first : min(lasts[-1] + 1, len(days)), :, place], 53 * WEEK)))
            wanted.append([(last - lasts[0]) // WEEK for last in lasts if (last - lasts[0]) // WEEK < weeks])
    value, upper = _asked(np.array(reference), np.array(analysis))
    score = [float(value[case, week] - upper[case, week]) for case, weeks in enumerate(wanted) for week in weeks]
    before = [
        _flat(_values(found[one.change.panel], what)[one.change.first - YEAR : one.change.first, :, one.change.place])
        for one in changes
    ]
    after = [_flat(one.load if what == "load" else one.left) for one in changes]
    later_value, later_upper = _asked(np.array(before), np.array(after))
    later = later_value - later_upper
    return Said(score, [s > 0 for s in score], later.tolist(), (later > 0).tolist())


def kept(file: Path, make: Callable[[], Said]) -> Said:
    """What a peer said, from an earlier run of the same study where there is one."""
    if file.exists():
        return Said(**json.loads(file.read_text()))
    said = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_text(said.dump())
    beside.rename(file)
    return said


def _values(world: World, what: str) -> np.ndarray:
    return world.panel.grid.values if what == "load" else world.left


def _years(world: World) -> list[tuple[int, list[int]]]:
    """Runs of counted weeks of one area and year, in the order of the weeks."""
    groups: list[tuple[int, list[int]]] = []
    for place, last in world.weeks.weeks:
        if groups and groups[-1][0] == place and last > groups[-1][1][-1] and last - groups[-1][1][0] < 52 * WEEK:
            groups[-1][1].append(last)
        else:
            groups.append((place, [last]))
    return groups


def _compared(before: np.ndarray, after: np.ndarray, names: list[str]) -> dict[str, tuple[float, bool]]:
    from monitoring.evidently import compare

    frames = [pd.DataFrame(part.reshape(-1, len(names)), columns=names).ffill().bfill() for part in (before, after)]
    if not any(frames[0][name].notna().any() and frames[1][name].notna().any() for name in names):
        return {}
    told = compare(*frames, seed=1).columns
    return {
        one.column: (float(-np.log10(max(one.score, TINY))) if "p_value" in one.method else float(one.score), one.drifted)
        for one in told
    }


def _flat(values: np.ndarray) -> np.ndarray:
    return pd.Series(values.ravel()).ffill().bfill().fillna(0.0).to_numpy()


def _padded(values: np.ndarray, days: int) -> np.ndarray:
    """Repeats the last week up to so many days; those chunks are not looked at."""
    missing = days - len(values)
    return values if missing <= 0 else np.concatenate([values, *([values[-WEEK:]] * -(-missing // WEEK))])[:days]


def _asked(reference: np.ndarray, analysis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        cases, answers = Path(folder) / "cases.npz", Path(folder) / "answers.npz"
        np.savez(cases, reference=reference, analysis=analysis)
        subprocess.run([str(python_of("nannyml")), "-W", "ignore", str(SCRIPT), str(cases), str(answers)], check=True)
        told = np.load(answers)
        return told["value"], told["upper"]
