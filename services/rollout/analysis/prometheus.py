"""What callers met on each track, read from Prometheus; what it cannot tell is None, never nought."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.special import bdtrik  # type: ignore[import-untyped]

from model_code.rollout_evidence import ServingMetrics, TrackMetrics

LOOKBACK_SECONDS = 300.0  # before the step: what counters stood at when it began
TIMEOUT_SECONDS = 10.0
MOST_BYTES = 32 << 20
ROUTES = "predict|forecast|infer|batch"
TRACKS = ("stable", "canary")
QUANTILE = 0.99
CHANCE = 0.01  # that the p99 is said to be at least something, and is less
REQUESTS, BUCKETS, READY = "evenkeel_service_requests_total", "evenkeel_service_latency_seconds_bucket", "evenkeel_service_ready"
logger = logging.getLogger("evenkeel.rollout")


class _Series(BaseModel):
    """One series with its samples: seconds since the epoch, and the value as text."""

    model_config = ConfigDict(frozen=True)

    metric: dict[str, str]
    values: list[tuple[float, str]]

    def increase(self, since: float) -> float:
        """How much a counter grew since then; one that was born or started anew since then began at nought."""
        before = [float(value) for at, value in self.values if at <= since]
        last, grown = (before[-1] if before else 0.0), 0.0
        for value in (float(value) for at, value in self.values if at > since):
            grown += value - last if value >= last else value
            last = value
        return grown


class _Told(BaseModel):
    """Prometheus' answer to a query over a range."""

    class Data(BaseModel):
        """The series."""

        resultType: str
        result: list[_Series]

    status: str
    data: Data


@dataclass(frozen=True)
class Prometheus:
    """Reads the service's own metrics through Prometheus' HTTP API.

    Attributes:
        url: Its address, with its path; may carry a user and a password.
        matchers: More labels that the series must have, such as the namespace.
    """

    url: str = field(repr=False)
    matchers: Mapping[str, str] = field(default_factory=dict)

    def since(self, usecase: str, seconds: float) -> ServingMetrics | None:
        """What callers of both tracks met in the last seconds; None where Prometheus or one of the tracks is not heard of.

        A track is heard of when it was scraped in that time; then no requests means that none came.

        Args:
            usecase: Name of the use case.
            seconds: How long ago the step began.
        """
        try:
            with httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False) as http:
                window = f"[{seconds + LOOKBACK_SECONDS:.0f}s]"
                ready = self._ask(http, f"{READY}{self._labels(usecase)}{window}")
                requests = self._ask(http, f"{REQUESTS}{self._labels(usecase, ROUTES)}{window}")
                buckets = self._ask(http, f"{BUCKETS}{self._labels(usecase, ROUTES.removesuffix('|batch'))}{window}")
                now = float(self._get(http, "time()").json()["data"]["result"][0])
        except (httpx.HTTPError, httpx.InvalidURL, ValidationError, ValueError, LookupError, TypeError) as error:
            logger.warning("no serving metrics from Prometheus: %s", _told(error))
            return None
        heard = {each.metric.get("track") for each in ready if each.values[-1][0] > now - seconds}
        silent = [track for track in TRACKS if track not in heard]
        if silent:
            logger.warning("Prometheus has no sample of %s in the last %.0f s", " and ".join(silent), seconds)
            return None
        stable, canary = (_track(track, requests, buckets, now - seconds) for track in TRACKS)
        return ServingMetrics(stable=stable, canary=canary)

    def _labels(self, usecase: str, routes: str = "") -> str:
        wanted = {"usecase": f'="{usecase}"', "track": f'=~"{"|".join(TRACKS)}"'}
        wanted |= {name: f'="{value}"' for name, value in self.matchers.items()}
        wanted |= {"route": f'=~"{routes}"'} if routes else {}
        return "{" + ",".join(f"{name}{match}" for name, match in wanted.items()) + "}"

    def _ask(self, http: httpx.Client, query: str) -> list[_Series]:
        told = _Told.model_validate_json(self._get(http, query).content)
        if told.data.resultType != "matrix":
            raise ValueError(f"a {told.data.resultType} instead of a matrix")
        return [each for each in told.data.result if each.values]

    def _get(self, http: httpx.Client, query: str) -> httpx.Response:
        with http.stream("GET", "api/v1/query", params={"query": query}) as answer:
            answer.raise_for_status()
            read = bytearray()
            for part in answer.iter_bytes():
                read += part
                if len(read) > MOST_BYTES:
                    raise ValueError(f"an answer of more than {MOST_BYTES} bytes")
        return httpx.Response(answer.status_code, content=bytes(read))


def _track(track: str, requests: Sequence[_Series], buckets: Sequence[_Series], since: float) -> TrackMetrics:
    mine = [each for each in requests if each.metric.get("track") == track]
    grown = [(each.metric.get("status", ""), each.increase(since)) for each in mine]
    took = _cumulated((each for each in buckets if each.metric.get("track") == track), since)
    proven = proven_share(round(max(took.values(), default=0.0)))
    return TrackMetrics(
        requests=round(sum(count for _, count in grown)),
        failed=round(sum(count for status, count in grown if not status.startswith(("2", "3")))),
        p99=quantile(took, QUANTILE),
        p99_at_least=None if proven is None else quantile(took, proven),
    )


def proven_share(answers: int) -> float | None:
    """The share of so many answers whose slowest took no longer than the p99 of all to come, but for one chance in a hundred.

    How many of them take at most that p99 is binomial; the order statistic is the usual distribution-free limit of a quantile.
    None without answers.

    Example:
        >>> proven_share(100), proven_share(0)
        (0.96, None)
    """
    if answers < 1:
        return None
    return float(math.floor(bdtrik(CHANCE, answers, QUANTILE)) + 1) / answers


def _cumulated(buckets: Iterable[_Series], since: float) -> dict[float, float]:
    """Upper bound of each bucket -> answers that took no longer, over all pods and routes."""
    found: dict[float, float] = {}
    for each in buckets:
        bound = float(each.metric.get("le", "nan"))
        found[bound] = found.get(bound, 0.0) + each.increase(since)
    return found


def quantile(cumulated: Mapping[float, float], share: float) -> float | None:
    """The value that this share of a histogram's answers stays below, linear within a bucket; None without answers.

    An answer beyond the last bound counts as twice that bound: it is certain to be slow, and not by how much.

    Example:
        >>> quantile({0.1: 50, 0.2: 100, float("inf"): 100}, 0.75)
        0.15000000000000002
    """
    bounds = sorted(cumulated)
    total = cumulated[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    below, lower = 0.0, 0.0
    for bound in bounds:
        if cumulated[bound] >= share * total:
            if bound == float("inf"):
                return 2 * lower
            return lower + (bound - lower) * (share * total - below) / (cumulated[bound] - below)
        below, lower = cumulated[bound], bound
    return None


def _told(error: Exception) -> str:
    """The error without the address, which may carry a password."""
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else ""
    return f"{type(error).__name__} {status}".strip()
