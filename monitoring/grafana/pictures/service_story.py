"""The last day of a model service, minute by minute: a switch of bundles in the morning, a store that is away in the afternoon."""

from collections.abc import Iterator

import numpy as np

from model_code.metrics import BY_NAME
from model_code.metrics.promql import SERVICE_JOB
from monitoring.grafana.pictures import plot
from monitoring.grafana.pictures.samples import Told, Values

MINUTES = np.arange(24 * 60)
TIMES = plot.START.timestamp() + (plot.DAYS - 1) * 86_400.0 + MINUTES * 60.0
SWITCH = plot.RUN_HOUR * 60 + 2
STORE_DOWN, STORE_BACK, DRAINED = 14 * 60, 15 * 60 + 20, 15 * 60 + 24
OVERLOADED = (14 * 60 + 30, 14 * 60 + 42)
LATENCY = {"forecast": 0.004, "predict": 0.0006, "batch": 0.12}  # seconds, typical
SHARE = {"forecast": 0.3, "predict": 0.69, "batch": 0.01}
RECORD_BYTES = 320


def service_story(seed: int = 11) -> Iterator[Told]:
    """Every series of one replica."""
    chance = np.random.default_rng(seed)
    pace = 40 + 25 * np.sin((MINUTES - 9 * 60) / (24 * 60) * 2 * np.pi) + chance.normal(0, 2, MINUTES.size)  # requests a second
    refused = np.where(_between(*OVERLOADED), 0.06, 0.0004)
    yield from _answers(pace, refused, chance)
    yield from _bundles()
    yield from _keeping(pace * (1 - refused))


def _told(name: str, values: Values, /, **labels: str) -> Told:
    known = {"usecase": plot.USECASE, "job": SERVICE_JOB, "instance": SERVICE_JOB, **labels}
    return Told(f"evenkeel_service_{name}", known, TIMES, np.broadcast_to(values, TIMES.shape).astype(float))


def _counter(name: str, a_second: Values, /, **labels: str) -> Told:
    return _told(name, np.cumsum(np.broadcast_to(a_second, TIMES.shape) * 60.0), **labels)


def _between(first: int, end: int) -> Values:
    return np.isin(MINUTES, range(first, end)).astype(float)


def _answers(pace: Values, refused: Values, chance: np.random.Generator) -> Iterator[Told]:
    for route, share in SHARE.items():
        for status, part in (("200", 1 - refused - 0.003), ("422", 0.003), ("503", refused)):
            yield _counter("requests_total", pace * share * part, route=route, status=status)
        yield from _latency(route, pace * share, chance)


def _latency(route: str, pace: Values, chance: np.random.Generator) -> Iterator[Told]:
    """Buckets of a log-normal time around the route's typical one."""
    metric = BY_NAME["evenkeel_service_latency_seconds"]
    slow = 1 + 1.5 * _between(*OVERLOADED) + 0.8 * _between(SWITCH, SWITCH + 3) + np.abs(chance.normal(0, 0.05, MINUTES.size))
    for bound in metric.buckets:
        below = 1 / (1 + np.exp(-2.6 * np.log(bound / (LATENCY[route] * slow))))
        yield _counter("latency_seconds_bucket", pace * below, route=route, le=f"{bound:g}")
    yield _counter("latency_seconds_bucket", pace, route=route, le="+Inf")


def _bundles() -> Iterator[Told]:
    before = MINUTES < SWITCH
    yield _told("ready", np.ones(MINUTES.size))
    yield _told("bundle_info", before.astype(float), version=plot.VERSIONS[-2][1], bundle="9f3c")
    yield _told("bundle_info", np.where(before, np.nan, 1.0), version=plot.VERSIONS[-1][1], bundle="51d0")
    yield _told("switches_total", (MINUTES >= SWITCH) * 1.0 + 3, outcome="switched")
    yield _told("switches_total", np.zeros(MINUTES.size), outcome="refused")


def _keeping(pace: Values) -> Iterator[Told]:
    down = _between(STORE_DOWN, STORE_BACK)
    waiting = np.cumsum(pace * 60 * RECORD_BYTES * down)
    drain = np.clip((DRAINED - MINUTES) / (DRAINED - STORE_BACK), 0, 1) * (MINUTES >= STORE_BACK)
    yield _counter("predictions_total", pace * 24)
    yield _told("spool_bytes", np.where(down > 0, waiting, waiting.max() * drain) + 20_000)
    yield _told("spool_limit_bytes", np.full(MINUTES.size, 256.0 * 2**20))
    yield _told(
        "spool_age_seconds", np.where(down > 0, (MINUTES - STORE_DOWN) * 60.0, drain * (STORE_BACK - STORE_DOWN) * 60.0) + 0.4
    )
    yield _told("store_down", down)
    yield _told("spool_set_aside", np.zeros(MINUTES.size))
    yield _told("spool_refusing", np.zeros(MINUTES.size))
