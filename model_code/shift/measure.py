"""One pass over a window and its reference: what every test says about every column, and about all together."""

import math
from dataclasses import dataclass

import numpy as np

from model_code.errors import TooLittleData
from model_code.shift import distances
from model_code.shift.moments import Moments, reconstruction_error, separation
from model_code.shift.profile import ColumnProfile, Fixed, ShiftProfile
from model_code.shift.tally import Tally
from model_code.shift.thresholds import ShiftThresholds
from model_code.shift.window import Window, chunks

LEAST = 1e-9  # of a reconstruction error that is divided by


class ColumnShift(Fixed):
    """One column of the window against the reference.

    Attributes:
        missing_share: Share of the window's rows without a finite number.
        missing: What that is above the reference's share.
        psi: Population stability index; None where a window has no value to compare.
        ks: Kolmogorov-Smirnov statistic, likewise.
        wasserstein: In the reference's standard deviations (for a constant reference in the column's unit), likewise.
        new_share: Share of the values that the reference never took; of discrete columns, else 0.
        outside_share: Share of the values outside of the profile's range.
        constant: The window holds one value only, and the reference did not.
        drifted: Names of the tests above their threshold (`missing`, `psi`, `ks`, `wasserstein`, `new`, `constant`). Without
            calibrated thresholds: `missing` where all values are gone, `constant`, and `new` for any new category.
    """

    column: str
    missing_share: float
    missing: float
    psi: float | None = None
    ks: float | None = None
    wasserstein: float | None = None
    new_share: float = 0.0
    outside_share: float = 0.0
    constant: bool = False
    drifted: tuple[str, ...] = ()


class JointShift(Fixed):
    """All columns together.

    Attributes:
        reconstruction: Error of the principal components on the window, over that on the reference; None with fewer
            than two columns that vary.
        auc: Area under the ROC of a linear classifier that tells window and reference apart: 0.5 is not at all, 1 is always.
        drifted: `reconstruction`, `auc` where above the threshold.
    """

    reconstruction: float | None
    auc: float
    drifted: tuple[str, ...] = ()


class Shift(Fixed):
    """The whole answer.

    Attributes:
        judged: Whether calibrated thresholds were there.
    """

    rows: int
    reference_rows: int
    columns: tuple[ColumnShift, ...]
    joint: JointShift
    judged: bool = False

    @property
    def drifted_share(self) -> float:
        """Share of the columns that drifted, 0 to 1."""
        return sum(bool(column.drifted) for column in self.columns) / len(self.columns)


@dataclass(frozen=True)
class Counted:
    """A window after its pass."""

    rows: int
    tallies: dict[str, Tally]
    moments: Moments


def count(profile: ShiftProfile, window: Window) -> Counted:
    """Count a window against the profile's edges; memory does not grow with its rows.

    Raises:
        DataError: A column is absent or is no number.
    """
    tallies = {name: Tally(np.array(column.edges)) for name, column in profile.columns.items()}
    moments = profile.moments()
    for chunk in chunks(window, profile.names):
        for name, values in chunk.items():
            tallies[name].add(values)
        moments.add(list(chunk.values()))
    return Counted(moments.rows, tallies, moments)


def measure(
    profile: ShiftProfile, reference: Window | Counted, current: Window | Counted, thresholds: ShiftThresholds | None = None
) -> Shift:
    """Compare a window with its reference by every test.

    Args:
        profile: Where the edges were fixed.
        reference: What the window should look like: rows, or what `count` made of them.
        current: The window.
        thresholds: Calibrated ones; without them only what is beyond doubt counts as drifted.

    Raises:
        TooLittleData: A window has fewer than two rows.
        DataError: A column is absent or is no number.
    """
    before, lately = (window if isinstance(window, Counted) else count(profile, window) for window in (reference, current))
    if min(before.rows, lately.rows) < 2:
        raise TooLittleData(
            f"shift: {before.rows} reference rows and {lately.rows} current rows",
            hint="widen the window; an empty one says nothing",
        )
    columns = [
        _column(name, column, before.tallies[name], lately.tallies[name], thresholds) for name, column in profile.columns.items()
    ]
    joint = _joint(profile, before.moments, lately.moments, thresholds)
    return Shift(
        rows=lately.rows,
        reference_rows=before.rows,
        columns=tuple(columns),
        joint=joint,
        judged=thresholds is not None,
    )


def _column(name: str, profile: ColumnProfile, before: Tally, lately: Tally, thresholds: ShiftThresholds | None) -> ColumnShift:
    found = _values(profile, before, lately)
    told = ColumnShift(
        column=name,
        missing_share=lately.missing_share,
        missing=lately.missing_share - before.missing_share,
        constant=_turned_constant(before, lately),
        **found,
    )
    drifted = {"missing"} if before.finite and not lately.finite else set()
    if thresholds is None:
        drifted |= {test for test, seen in (("constant", told.constant), ("new", told.new_share > 0)) if seen}
    else:
        values = {"missing": told.missing, "psi": told.psi, "ks": told.ks, "wasserstein": told.wasserstein, "new": told.new_share}
        drifted |= {test for test, value in values.items() if thresholds.above(test, name, value)}
        drifted |= {"constant"} if told.constant and name not in thresholds.constant else set()
    return told.model_copy(update={"drifted": tuple(sorted(drifted))})


def _values(profile: ColumnProfile, before: Tally, lately: Tally) -> dict[str, float]:
    if not before.finite or not lately.finite or not profile.edges:
        # Values where the reference has none are all new.
        return {"new_share": 1.0, "outside_share": 1.0} if lately.finite and not before.finite else {}
    return {
        "psi": distances.psi(before, lately, np.array(profile.groups)),
        "ks": distances.kolmogorov_smirnov(before, lately),
        "wasserstein": distances.wasserstein(before, lately) / profile.scale,
        "new_share": 1.0 - lately.at_edges / lately.finite if profile.discrete else 0.0,
        "outside_share": lately.outside / lately.finite,
    }


def _turned_constant(before: Tally, lately: Tally) -> bool:
    return lately.finite > 1 and lately.least == lately.most and before.finite > 1 and before.least < before.most


def _joint(profile: ShiftProfile, before: Moments, lately: Moments, thresholds: ShiftThresholds | None) -> JointShift:
    ratio = None
    if profile.components:
        components = np.array(profile.components)
        ratio = (reconstruction_error(lately, components) + LEAST) / (reconstruction_error(before, components) + LEAST)
    auc = 0.5 * (1 + math.erf(math.sqrt(separation(before, lately)) / 2))
    told = {"reconstruction": ratio, "auc": auc}
    drifted = () if thresholds is None else tuple(test for test, value in told.items() if thresholds.above(test, "", value))
    return JointShift(reconstruction=ratio, auc=auc, drifted=drifted)
