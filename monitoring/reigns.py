"""What answers for each series, since when, and what did before: each entity has the releases that concern it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_code.evidence import PartEvidence, Release
from model_code.ledger import Entry
from model_code.parts import Parts, of_entity
from model_code.series import ALL
from model_code.standing import Standing, moves, standing, standing_for
from monitoring.releases import release_of


@dataclass(frozen=True)
class Reign:
    """The present part of one series.

    Attributes:
        told: What the policy reads of it: version, release, the version before, those known bad.
        bundles: Hashes of the bundles that answered with this part since its release.
        previous_bundle: Hash of the part before; None where there is none.
    """

    told: PartEvidence
    bundles: frozenset[str]
    previous_bundle: str | None

    @property
    def since(self) -> pd.Timestamp:
        """When the part began to answer for the series."""
        release = self.told.release
        assert release is not None  # a reign begins with one
        return pd.Timestamp(release.at).tz_convert("UTC")


def reigns_of(entries: Sequence[Entry], series: Iterable[str]) -> dict[str, Reign]:
    """Series -> its present part; none before the first release.

    Args:
        entries: Of one use case, in the order of recording.
        series: Entities of a fixed list, or `all`.
    """
    done = list(moves(entries))
    return {name: _reign(done, None if name == ALL else name) for name in series} if done else {}


def rows_of(series: str, entity: "pd.Series[str]", named: Collection[str]) -> NDArray[np.bool_]:
    """Which rows (n,) belong to a series: those of the entity of that name, and to `all` those of no other series.

    Args:
        series: Whose.
        entity: What each row is about.
        named: Every series there is.
    """
    return ~entity.isin([each for each in named if each != ALL]).to_numpy() if series == ALL else (entity == series).to_numpy()


def answered_by(rows: pd.DataFrame, reigns: Mapping[str, Reign]) -> NDArray[np.bool_]:
    """Which predictions (n,) the present part of their series made, since its release.

    Args:
        rows: origin, entity, bundle.
        reigns: By series.
    """
    mine = np.zeros(len(rows), dtype=bool)
    for name, reign in reigns.items():
        made = rows["bundle"].isin(reign.bundles) & (rows["origin"] >= reign.since)
        mine |= rows_of(name, rows["entity"], reigns) & made.to_numpy(bool)
    return mine


def own_part(series: str, reigns: Mapping[str, Reign], releases: Sequence[Release], reached: Standing) -> PartEvidence | None:
    """What answers for a series, where it is something else than for the champion as a whole, or since another time."""
    told = reigns[series].told
    whole = PartEvidence(
        version=releases[-1].version,
        release=releases[-1],
        previous=reached.previous,
        bad=tuple(sorted(reached.bad)),
        shared=told.shared,
    )
    return None if told == whole else told


def _reign(done: Sequence[Entry], entity: str | None) -> Reign:
    own = list(of_entity(done, entity))
    last, _ = own[-1]
    reached, known = standing_for(done, entity), _bundles(made for _, made in own)
    whole = standing(done)
    later = [entry for entry in done if (entry.id or 0) >= (last.id or 0)]
    told = PartEvidence(
        version=str(last.to_version),
        previous=reached.previous,
        bad=tuple(sorted(reached.bad)),
        release=release_of(last),
        shared=whole.previous is not None and whole.part_of(whole.previous, entity) == reached.previous,
    )
    previous = None if reached.previous is None else known.get(reached.previous)
    return Reign(told, frozenset(str(entry.to_bundle) for entry in later), previous)


def _bundles(made: Iterable[Parts]) -> dict[str, Any]:
    return {version: bundle for parts in made for version, bundle in parts.bundles.items()}
