"""What probes, Prometheus and people read: no key, and nothing that a request could change."""

import os
from collections.abc import Awaitable, Callable

from model_code.errors import NotReady
from services.forecaster.exchange import JSON, Exchange
from services.forecaster.running import Running

Page = Callable[[Exchange, Running], Awaitable[None]]
PLAIN = (b"content-type", b"text/plain; charset=utf-8")
STATIC = "/static_content/"  # the framework's page at / takes its scripts from there


async def alive(exchange: Exchange, _running: Running) -> None:
    """The process answers."""
    await exchange.answer(200, [PLAIN], b"\n")


async def ready(exchange: Exchange, running: Running) -> None:
    """The wanted bundle answers, its predictions can be kept, and the service is not about to end.

    Raises:
        NotReady: It is not so; the reason is told.
    """
    if running.unready:
        raise NotReady(running.unready, hint="see GET /model")
    await exchange.answer(200, [PLAIN], b"\n")


async def health_live(exchange: Exchange, _running: Running) -> None:
    """The Open Inference Protocol's liveness."""
    await exchange.answer(200, [JSON], b'{"live":true}')


async def health_ready(exchange: Exchange, running: Running) -> None:
    """The Open Inference Protocol's readiness.

    Raises:
        NotReady: See `ready`.
    """
    if running.unready:
        raise NotReady(running.unready, hint="see GET /model")
    await exchange.answer(200, [JSON], b'{"ready":true}')


async def metrics(exchange: Exchange, running: Running) -> None:
    """The metrics of all workers."""
    running.refresh_gauges()
    content, media = exposition()
    await exchange.answer(200, [(b"content-type", media.encode())], content)


async def docs(exchange: Exchange, _running: Running) -> None:
    """The framework's page that shows the API."""
    await exchange.answer(307, [(b"location", b"/")], b"")


async def openapi(exchange: Exchange, running: Running) -> None:
    """The OpenAPI document of every route."""
    from services.forecaster.openapi import document

    await exchange.answer(200, [JSON], document(running))


async def model(exchange: Exchange, running: Running, _asker: str) -> None:
    """`GET /model`: what serves, beside what should.

    Raises:
        NotReady: Nothing serves.
    """
    await exchange.answer(200, [JSON], running.model().model_dump_json().encode())


def exposition() -> tuple[bytes, str]:
    """What Prometheus reads, and its content type; of all workers where there are several."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


ROUTES: dict[str, Page] = {
    "/livez": alive,
    "/healthz": alive,
    "/readyz": ready,
    "/v2/health/live": health_live,
    "/v2/health/ready": health_ready,
    "/metrics": metrics,
    "/docs": docs,
    "/docs.json": openapi,
}
