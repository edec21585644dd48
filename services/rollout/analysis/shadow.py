"""Shadow: requests that callers just made are asked again of the new version, compared, and answered to nobody."""

import hashlib
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import numpy as np

from model_code.bundle import Bundle
from model_code.errors import InvalidRequest, NotReady
from model_code.installation import Installation
from model_code.prediction import Prediction
from model_code.rehearsal import asked_by, request_id
from model_code.rollout_evidence import Plan, ShadowComparison
from services.client import ForecastClient
from services.forecaster.messages import GivenFeatures

STEP = "shadow"
POLL_SECONDS = 0.5
MOST_ROWS = 1_000  # of one request: a batch is sampled, not repeated
ANSWER_SECONDS = 10.0
Values = dict[object, float]


@dataclass(frozen=True)
class Compared:
    """One request, answered twice.

    Attributes:
        answered: Whether the new version did.
        distance: Sum over the rows of the absolute difference.
        size: Sum over the rows of the absolute answer that the caller got.
        seconds: Time of the new version's answer.
        stable_seconds: Time that the caller's answer took; None where that was not kept.
    """

    answered: bool
    distance: float = 0.0
    size: float = 0.0
    seconds: float = 0.0
    stable_seconds: float | None = None


@dataclass
class Shadow:
    """The shadow of one rollout.

    Args:
        place: Where the champion's answers are kept.
        plan: Champion and challenger.
        rollout: Identity of the rollout, part of each request's id.
        url: Where the new version answers.
    """

    place: Installation
    plan: Plan
    rollout: str
    url: str
    _seen: set[str] = field(default_factory=set)

    def compare(self, since: datetime, seconds: float, most: int) -> ShadowComparison:
        """Ask again what callers asked since a moment, until the time is over or `most` requests were.

        Args:
            since: Wall clock (aware).
            seconds: How long to look for requests.
            most: Most requests.

        Raises:
            StoreError: The answers cannot be read.
            BundleError: The champion's bundle cannot be: its columns name the features that were kept.
        """
        deadline, found = time.monotonic() + seconds, list[Compared]()
        champion = self.place.bundle(self.plan.champion_bundle)
        with ForecastClient(
            self.url, key=self.place.settings.service_key, timeout=ANSWER_SECONDS, attempts=2, patience=2.0
        ) as client:
            while True:
                began = time.monotonic()
                for request in self._new(since, most - len(found)):
                    found.append(_ask(client, request, champion, self.rollout))
                    if time.monotonic() >= deadline:
                        break
                if len(found) >= most or time.monotonic() >= deadline:
                    return summary(found)
                # A store that takes long to tell is not asked all the time.
                time.sleep(min(max(POLL_SECONDS, time.monotonic() - began), max(0.0, deadline - time.monotonic())))

    def _new(self, since: datetime, most: int) -> list[list[Prediction]]:
        """Requests that were not asked yet, each with its first rows."""
        rows = self.place.predictions.live_since(
            self.plan.usecase, self.plan.champion_bundle, since, MOST_ROWS * max(1, most + len(self._seen))
        )
        rows.sort(key=lambda row: row.request_id)
        requests = [list(group)[:MOST_ROWS] for _, group in groupby(rows, key=lambda row: row.request_id)]
        requests = sorted((each for each in requests if each[0].request_id not in self._seen), key=lambda each: each[0].made_at)
        chosen = requests[:most]
        self._seen.update(each[0].request_id for each in chosen)
        return chosen


def summary(found: Sequence[Compared]) -> ShadowComparison:
    """All requests together.

    Example:
        >>> summary([Compared(True, 1.0, 10.0, 0.5), Compared(False)]).failed
        1
    """
    answered = [each for each in found if each.answered]
    size = sum(each.size for each in answered)
    usual = [each.stable_seconds for each in answered if each.stable_seconds is not None]
    distance = sum(each.distance for each in answered)
    return ShadowComparison(
        requests=len(found),
        failed=len(found) - len(answered),
        difference=(distance / size if size > 0 else float(distance > 0)) if answered else None,
        seconds=statistics.median(each.seconds for each in answered) if answered else None,
        stable_seconds=statistics.median(usual) if usual else None,
    )


def _ask(client: ForecastClient, request: Sequence[Prediction], champion: Bundle, rollout: str) -> Compared:
    """One request again."""
    first = request[0]
    told = hashlib.sha256(first.request_id.encode()).hexdigest()[:32]
    who = request_id(rollout, STEP, told)
    began = time.monotonic()
    try:
        if first.route in ("forecast", None):
            values = _forecast(client, request, champion, who)
            given: Values = {(row.entity, row.time): row.value for row in request}
        else:
            values = _predict(client, request, champion, who)
            given = {number: row.value for number, row in enumerate(request)}
    except (InvalidRequest, NotReady, ValueError):  # refused, not there, or no answer at all
        return Compared(answered=False)
    if not given.keys() <= values.keys():
        return Compared(answered=False)
    seconds = time.monotonic() - began
    distance = sum(abs(values[key] - value) for key, value in given.items())
    size = sum(abs(value) for value in given.values())
    usual = None if first.latency_us is None else first.latency_us / 1e6
    return Compared(np.isfinite(distance), distance, size, seconds, usual)


def _forecast(client: ForecastClient, request: Sequence[Prediction], champion: Bundle, who: str) -> Values:
    """Asked with the same features, or to compute them of the same origin."""
    entities, times = {row.entity for row in request}, {row.time for row in request}
    features = None
    if request[0].features is not None:
        features = [GivenFeatures(entity=row.entity, lead=_lead(row, champion), values=_named(row, champion)) for row in request]
    answer = client.forecast(
        entity=request[0].entity if len(entities) == 1 else None,
        origin=request[0].origin,
        horizon=len(times) if features is None else None,
        features=features,
        request_id=who,
        asked_by=asked_by(STEP),
    )
    return {(each.entity, each.time): each.value for each in answer.values}


def _predict(client: ForecastClient, request: Sequence[Prediction], champion: Bundle, who: str) -> Values:
    """Rows by name, so that a version whose columns stand in another order understands them."""
    first = request[0]
    answer = client.predict(
        [_named(row, champion) for row in request],
        lead=None if first.lead_seconds is None else [_lead(row, champion) for row in request],
        entity=_entities(request),
        origin=first.origin,
        request_id=who,
        asked_by=asked_by(STEP),
    )
    return dict(enumerate(answer.value))


def _entities(request: Iterable[Prediction]) -> list[str] | None:
    told = [row.entity for row in request]
    return [entity for entity in told if entity is not None] if all(told) else None


def _lead(row: Prediction, champion: Bundle) -> int:
    """Lead time in steps."""
    horizon = champion.spec.horizon
    return round(((row.lead_seconds or 0) - horizon.first.total_seconds()) / horizon.step.total_seconds())


def _named(row: Prediction, champion: Bundle) -> dict[str, float | None]:
    """The features that the caller gave, by the names that the champion has for them; None is not known."""
    values = np.frombuffer(row.features or b"", dtype="<f8")
    columns = champion.manifest.feature_columns
    if len(values) != len(columns):
        raise ValueError(f"{len(values)} features of {len(columns)}")
    return {name: None if np.isnan(value) else float(value) for name, value in zip(columns, values, strict=True)}
