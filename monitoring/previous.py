"""What a rollback would return to: the part before of each series, and what it would have answered."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from model_code.bundle import Bundle, differences
from model_code.cases import Cases
from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.replay import cases_of, replay
from model_code.specification import UseCaseSpec
from model_code.usecase import UseCase
from monitoring.reigns import Reign, rows_of


def previous_parts(place: Installation, reigns: Mapping[str, Reign], previous: str | None) -> dict[str, Bundle]:
    """Series -> the bundle that a rollback of it returns to, where there is one.

    Args:
        previous: Hash of what a rollback of all returns to.
    """
    hashes = {name: reign.previous_bundle for name, reign in reigns.items()}
    if len(set(hashes.values())) <= 1:  # no series goes ways of its own: the pointer knows
        hashes = dict.fromkeys(reigns, previous)
    loaded = {each: place.bundle(each) for each in dict.fromkeys(hashes.values()) if each is not None}
    return {name: loaded[each] for name, each in hashes.items() if each is not None}


def is_divisible(spec: UseCaseSpec, champion: Bundle, others: Iterable[Bundle]) -> bool:
    """Whether an action may change what answers for some series alone: they are told apart, and the parts fit together."""
    apart = len(spec.entities or ()) > 1 and spec.entities == champion.spec.entities
    return apart and not any(differences(champion, other) for other in others)


def replayed(
    previous: Mapping[str, Bundle], usecase: UseCase, history: KnownHistory, cases: Cases, truth: pd.DataFrame
) -> pd.DataFrame | None:
    """What the bundle before would have answered for each series; None where no series has one."""
    found = []
    for bundle in {each.hash: each for each in previous.values()}.values():
        answers = replay(bundle, cases_of(bundle, usecase, history, cases), truth)
        mine = [rows_of(name, answers["entity"], previous) for name, each in previous.items() if each.hash == bundle.hash]
        found.append(answers[np.logical_or.reduce(mine)])
    return pd.concat(found).sort_index() if found else None
