"""What a report finds: Evidently's values and our own tests on the same windows, and whether its quality breaches its limit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pandas as pd

from model_code.bundle import Bundle
from model_code.data.known import KnownHistory
from model_code.drift import DriftProfile
from model_code.errors import DataError, StoreError
from model_code.installation import Installation
from model_code.origins import origins_between
from model_code.series import conditions
from model_code.shift import Shift, measure
from model_code.shift.section import ShiftSection, expected_rows
from monitoring.evidently import FeatureDrift, Quality, TableHealth, compare, health, quality
from monitoring.reports.windows import Answers, Features, answers_of, features_of

BEFORE = 3  # origins before the window, since a loss is expected from how much the conditions changed
UNIVARIATE, JOINT = ("missing", "psi", "ks", "wasserstein"), ("auc", "reconstruction")
T = TypeVar("T")


@dataclass(frozen=True)
class Findings:
    """The numbers of one report; what could not be told is None, and `notes` say why.

    Attributes:
        at: The moment of judging.
        bundle: The champion's.
        drift: Evidently's drift of the features.
        quality: Evidently's quality of the answers.
        health: Evidently's data quality of the features.
        shift: Our own tests of the same features.
        section: What the bundle keeps for them; None in older ones.
        expected: What the backtest makes one expect of the quality's measure, in its unit.
        scored_origins: Origins that the quality rests on.
        breach: The quality's breach in words.
        reference: How the reference was chosen.
        notes: What could not be told, and why.
    """

    at: pd.Timestamp
    bundle: str
    drift: FeatureDrift | None = None
    quality: Quality | None = None
    health: TableHealth | None = None
    shift: Shift | None = None
    section: ShiftSection | None = None
    expected: float | None = None
    scored_origins: int = 0
    breach: str | None = None
    reference: str = ""
    notes: tuple[str, ...] = ()
    features: Features | None = field(default=None, repr=False, compare=False)
    answers: Answers | None = field(default=None, repr=False, compare=False)

    @property
    def ratio(self) -> float | None:
        """The quality's measure over what one expects of it; None where either is not known."""
        limit = None if self.section is None else self.section.quality
        value = None if limit is None or self.quality is None else self.quality.values.get(limit.measure)
        return value / self.expected if value is not None and self.expected else None

    def ratios(self) -> Iterator[tuple[str, str, float]]:
        """Test, column ('' for all together) and value over limit of our own tests; nothing where nothing is calibrated."""
        limits = None if self.section is None else self.section.thresholds
        if self.shift is None or limits is None:
            return
        for column in self.shift.columns:
            for test in UNIVARIATE:
                value = getattr(column, test)
                if value is not None:
                    yield test, column.column, limits.ratio(test, column.column, value)
        for test in JOINT:
            value = getattr(self.shift.joint, test)
            if value is not None:
                yield test, "", limits.ratio(test, "", value)


def find(place: Installation, now: pd.Timestamp) -> Findings:
    """Everything about the latest window, as known at `now`.

    Raises:
        DataError: Nothing was ever released.
        TooLittleData: The target's feed has no table yet.
    """
    pointer = place.pointers.get(place.usecase.name)
    if pointer is None:
        raise DataError(f"{place.usecase.name}: nothing was ever released", hint="run the train flow first")
    champion, history, notes = place.bundle(pointer.wanted), place.history(now), list[str]()
    spec, seed, rows = champion.spec, champion.spec.seed, champion.spec.report.max_rows
    section = _section(champion)
    features = _told("features", notes, lambda: features_of(place, history, champion, now))
    answers = answers_of(place, history, champion, now)
    scored, expected = _expected(champion, history, answers.current, now)
    found = _told("quality", notes, lambda: quality(scored, spec.task, seed=seed, max_rows=rows))
    origins = int(scored["origin"].nunique())
    if section is None:
        notes.append("the bundle is older than the calibrated limits: nothing here is judged")
    return Findings(
        at=now,
        bundle=champion.hash,
        drift=_of(features, "drift", notes, lambda seen: compare(seen.reference, seen.current, seed=seed, max_rows=rows)),
        quality=found,
        health=_of(features, "data quality", notes, lambda seen: health(seen.current, seed=seed, max_rows=rows)),
        shift=None if section is None else _of(features, "shift", notes, lambda seen: _shift(section, seen)),
        section=section,
        expected=expected,
        scored_origins=origins,
        breach=_breach(section, found, expected, origins),
        reference="" if features is None else features.chosen.text,
        notes=tuple(notes),
        features=features,
        answers=answers,
    )


def _section(champion: Bundle) -> ShiftSection | None:
    told = champion.profile.get("shift")
    return None if told is None else ShiftSection.model_validate(told)


def _told(what: str, notes: list[str], find_out: Callable[[], T]) -> T | None:
    """The answer, or None with a note where the data do not give one."""
    try:
        return find_out()
    except StoreError:
        raise
    except DataError as error:
        notes.append(f"{what}: {error}")
        return None


def _of(features: Features | None, what: str, notes: list[str], find_out: Callable[[Features], T]) -> T | None:
    return None if features is None else _told(what, notes, lambda: find_out(features))


def _shift(section: ShiftSection, features: Features) -> Shift:
    return measure(section.profile, features.reference, features.current, section.thresholds)


def _expected(
    champion: Bundle, history: KnownHistory, scored: pd.DataFrame, now: pd.Timestamp
) -> tuple[pd.DataFrame, float | None]:
    """The rows whose day's conditions are known, and the mean loss to expect of them; of a classification, the usual one."""
    section = _section(champion)
    if scored.empty:
        return scored, None
    if champion.spec.task == "classification":
        return scored, None if section is None or section.quality is None else section.quality.usual
    spec, first, last = champion.spec, scored["origin"].min(), scored["origin"].max()
    origins = origins_between(spec, first - BEFORE * spec.origins.every, last + spec.origins.every)
    told = conditions(champion.usecase, history, origins, now)
    rows = expected_rows(spec, scored, told, DriftProfile.model_validate(champion.profile["drift"]))
    return scored.loc[rows.index.unique()], float(rows["expected"].mean()) if len(rows) else None


def _breach(section: ShiftSection | None, found: Quality | None, expected: float | None, origins: int) -> str | None:
    if section is None or section.quality is None or found is None or section.quality.measure not in found.values:
        return None
    return section.quality.breach(found.values[section.quality.measure], expected or 0.0, origins)
