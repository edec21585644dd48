"""Paired replay: recent forecast origins asked of both deployed endpoints, scored on the same rows against stored truth."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from model_code.cases import origins_of_history
from model_code.data.known import KnownHistory
from model_code.errors import InvalidRequest, NotReady, RolloutError
from model_code.evaluation import row_loss
from model_code.installation import Installation
from model_code.origins import entities_at, target_rows
from model_code.rehearsal import asked_by, request_id
from model_code.rollout_evidence import PairedReplay, Plan, ReplayedOrigin
from model_code.series import COMPLETE
from model_code.usecase import UseCaseSpec
from services.client import ForecastClient
from services.forecaster.messages import ForecastAnswer

AT_ONCE = 2  # origins under way: more would measure the queue, not the endpoint
LONGEST_ANSWER_SECONDS = 30.0
KEYS = ["entity", "time"]


@dataclass(frozen=True)
class Endpoint:
    """One of the two that are asked.

    Attributes:
        track: Which.
        url: Where it answers.
        bundle: Hash of the bundle that it must answer with.
    """

    track: str
    url: str
    bundle: str


def known_origins(place: Installation, now: datetime, most: int) -> list[datetime]:
    """The latest origins whose truth is known, in the order of time.

    Args:
        place: The use case's stores.
        now: What is known counts as of then (aware).
        most: How many at most; four times as many are looked at.

    Raises:
        TooLittleData: A feed has no table.
    """
    spec, history = place.usecase.spec, place.history(now)
    told = _truth_by_row(history, now)
    found: list[datetime] = []
    for origin in reversed(origins_of_history(place.usecase, history, pd.Timestamp(now))[-4 * most :]):
        rows = target_rows(spec, origin, entities_at(spec, history.at(origin), origin))
        if len(rows) and told.index.intersection(pd.MultiIndex.from_frame(rows[KEYS])).size >= COMPLETE * len(rows):
            found.append(origin.to_pydatetime())
        if len(found) == most:
            break
    return found[::-1]


def replay(
    place: Installation, plan: Plan, rollout: str, champion: Endpoint, challenger: Endpoint, *, seconds: float
) -> PairedReplay:
    """Ask both for every registered origin; one that is not answered in time has no loss.

    Killed and done again, it gets the stored answers of what was asked before.

    Args:
        place: The use case's stores; the truth is read from there, answers come from the endpoints alone.
        plan: Names the origins, and the moment whose truth counts.
        rollout: Identity of the rollout, part of each request's id.
        champion: The stable track.
        challenger: The staged one.
        seconds: How long all of it may take.

    Raises:
        RolloutError: An endpoint answers with another bundle than it should.
        TooLittleData: A feed has no table.
    """
    truth = _truth_by_row(place.history(plan.at), plan.at)
    deadline = time.monotonic() + seconds
    with _asker(place, rollout, champion, deadline) as first, _asker(place, rollout, challenger, deadline) as second:

        def one(number: int) -> ReplayedOrigin:
            origin = plan.origins[number]
            answers = {each: each.ask(origin) for each in ((first, second) if number % 2 else (second, first))}
            return _paired(origin, answers[first], answers[second], truth, place.usecase.spec)

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="replay") as threads:
            told = tuple(threads.map(one, range(len(plan.origins))))
    return PairedReplay(origins=told, unseen=plan.unseen)


@dataclass(frozen=True)
class _Answered:
    """An answer, and the seconds that it took."""

    values: pd.Series
    seconds: float


class _Asker:
    """Asks one endpoint, as long as there is time."""

    def __init__(self, client: ForecastClient, endpoint: Endpoint, rollout: str, deadline: float) -> None:
        self._client, self._endpoint, self._rollout, self._deadline = client, endpoint, rollout, deadline

    def __enter__(self) -> "_Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, origin: datetime) -> _Answered | None:
        """Its answer; None where it has none to give, or time is up."""
        began = time.monotonic()
        if began >= self._deadline:
            return None
        step = f"replay/{self._endpoint.track}"
        try:
            answer = self._client.forecast(
                origin=origin, request_id=request_id(self._rollout, step, origin.isoformat()), asked_by=asked_by(step)
            )
        except (InvalidRequest, NotReady, ValueError):  # refused, not there, or no forecast at all: an answer it owes
            return None
        seconds = time.monotonic() - began
        self._check(answer)
        index = pd.MultiIndex.from_tuples([(each.entity, pd.Timestamp(each.time)) for each in answer.values], names=KEYS)
        return _Answered(pd.Series([each.value for each in answer.values], index=index, dtype=float), seconds)

    def _check(self, answer: ForecastAnswer) -> None:
        if answer.bundle != self._endpoint.bundle:
            raise RolloutError(
                f"the {self._endpoint.track} endpoint answers with bundle {answer.bundle[:12]} instead of {self._endpoint.bundle[:12]}",
                hint="somebody moved the model meanwhile; run the rollout again",
            )


def _asker(place: Installation, rollout: str, endpoint: Endpoint, deadline: float) -> _Asker:
    left = max(1.0, min(LONGEST_ANSWER_SECONDS, deadline - time.monotonic()))
    client = ForecastClient(endpoint.url, key=place.settings.service_key, timeout=left, attempts=3, patience=5.0)
    return _Asker(client, endpoint, rollout, deadline)


def _paired(
    origin: datetime, champion: _Answered | None, challenger: _Answered | None, truth: "pd.Series[float]", spec: UseCaseSpec
) -> ReplayedOrigin:
    """Both losses on the rows that the champion answered and whose truth is known."""
    rows = None if champion is None else champion.values.index.intersection(truth.index)
    enough = champion is not None and rows is not None and len(rows) >= COMPLETE * len(champion.values) > 0
    losses = [_loss(each, rows if enough else None, truth, spec) for each in (champion, challenger)]
    return ReplayedOrigin(
        origin=origin,
        champion=losses[0],
        challenger=losses[1],
        champion_seconds=champion and champion.seconds,
        challenger_seconds=challenger and challenger.seconds,
    )


def _loss(answered: _Answered | None, rows: pd.Index | None, truth: "pd.Series[float]", spec: UseCaseSpec) -> float | None:
    if answered is None or rows is None:
        return None
    values = answered.values[~answered.values.index.duplicated()].reindex(rows).to_numpy(float)
    loss = float(np.mean(row_loss(values, truth.loc[rows].to_numpy(float), spec.task)))
    return loss if np.isfinite(loss) else None


def _truth_by_row(history: KnownHistory, at: datetime) -> "pd.Series[float]":
    """Truth by entity and time, as known at a moment."""
    truth = history.truth(at).dropna(subset=["value"])
    return truth.set_index(KEYS)["value"].sort_index()


def trained_until(place: Installation, versions: Sequence[str]) -> list[datetime]:
    """When the training of each of these versions ended: by their bundles' manifests.

    Raises:
        BundleError: A bundle is missing or altered.
        RegistryError: No such version.
    """
    return [place.bundle_of(version).manifest.trained_until for version in versions]
