"""A local server that speaks Grafana's HTTP for health and annotations, and misbehaves on order."""

import threading
import time
from collections import deque
from typing import Any, Literal, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Failure = Literal["status", "html", "after", "no_number"]
LONGEST_START = 30.0  # seconds


class FakeGrafana:
    """Grafana's `/api/health` and `/api/annotations` on a free port of 127.0.0.1; a context manager.

    Like the real one: tags are all wanted at once, an answer holds at most `limit` (100), the newest first,
    times are milliseconds, a missing or wrong token is 401, an unknown number 404, a tag over 100 characters 500.

    Args:
        token: The only one that is accepted.
        below: Path that it lies below, such as `/grafana`.

    Attributes:
        annotations: What it holds, by number, as it was posted.
        requests: Method and path of every request so far, in order.

    Example:
        >>> with FakeGrafana() as grafana:
        ...     grafana.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, token: str = "fake-grafana-token", below: str = "") -> None:  # noqa: S107  # a fake's
        self.token = token
        self.annotations: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self._below = below
        self._orders: deque[tuple[Failure, int, str]] = deque()
        self._made = 0

    def __enter__(self) -> Self:
        routes = [
            Route(f"{self._below}/api/health", self._health),
            Route(f"{self._below}/api/annotations", self._guarded, methods=["GET", "POST"]),
            Route(f"{self._below}/api/annotations/{{number:int}}", self._guarded, methods=["PUT", "PATCH", "DELETE"]),
        ]
        configuration = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(configuration)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + LONGEST_START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the fake Grafana did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def url(self) -> str:
        """Base address, while it runs."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}{self._below}"

    def fail_next(self, kind: Failure = "status", *, status: int = 503, method: str = "", times: int = 1) -> None:
        """Orders that the next `times` requests about annotations go wrong; orders queue up.

        Args:
            kind: `status` answers `status`; `html` a page with status 200; `after` does what was asked and then
                answers 502, as a proxy does whose answer was lost; `no_number` forgets the number.
            status: Of kind `status`.
            method: Only requests of this method. Default: any.
            times: How many requests.
        """
        self._orders.extend([(kind, status, method)] * times)

    def forget_orders(self) -> None:
        """From now on everything goes well."""
        self._orders.clear()

    def reset(self) -> None:
        """Lose everything, as after a reinstallation: annotations, numbers, requests, orders."""
        self.annotations.clear()
        self.requests.clear()
        self._orders.clear()
        self._made = 0

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"database": "ok", "version": "12.0.0", "commit": "fake"})

    async def _guarded(self, request: Request) -> Response:
        self.requests.append((request.method, request.url.path))
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return JSONResponse({"message": "Invalid API key"}, 401)
        kind, status = self._order(request.method)
        if kind == "status":
            return JSONResponse({"message": f"ordered status {status}"}, status)
        if kind == "html":
            return PlainTextResponse("<html>sign in</html>", media_type="text/html")
        answer = await self._answer(request)
        if kind == "after":
            return JSONResponse({"message": "bad gateway"}, 502)
        return JSONResponse({"message": "Annotation added"}) if kind == "no_number" else answer

    def _order(self, method: str) -> tuple[Failure | None, int]:
        if not self._orders or self._orders[0][2] not in ("", method):
            return None, 0
        kind, status, _ = self._orders.popleft()
        return kind, status

    async def _answer(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(self._found(request))
        if request.method == "POST":
            return self._add(await request.json())
        number = request.path_params["number"]
        if number not in self.annotations:
            return JSONResponse({"message": "Could not find annotation to update"}, 404)
        if request.method == "DELETE":
            del self.annotations[number]
            return JSONResponse({"message": "Annotation deleted"})
        return self._change(number, await request.json())

    def _found(self, request: Request) -> list[dict[str, Any]]:
        query = request.query_params
        wanted = set(query.getlist("tags"))
        since, until = int(query.get("from", 0)), int(query.get("to", 2**62))
        found = [
            {"id": number, **content}
            for number, content in self.annotations.items()
            if wanted <= set(content["tags"]) and content["time"] <= until and content["timeEnd"] >= since
        ]
        return sorted(found, key=lambda item: -int(item["time"]))[: int(query.get("limit", 100))]

    def _add(self, given: dict[str, Any]) -> Response:
        wrong = _wrong(given)
        if wrong is not None:
            return wrong
        self._made += 1
        self.annotations[self._made] = _kept(given)
        return JSONResponse({"message": "Annotation added", "id": self._made})

    def _change(self, number: int, given: dict[str, Any]) -> Response:
        wrong = _wrong(given)
        if wrong is not None:
            return wrong
        self.annotations[number] = _kept(given)
        return JSONResponse({"message": "Annotation updated"})


def _kept(given: dict[str, Any]) -> dict[str, Any]:
    at = given.get("time") or 0
    return {"time": at, "timeEnd": given.get("timeEnd") or at, "tags": given.get("tags") or [], "text": given["text"]}


def _wrong(given: dict[str, Any]) -> Response | None:
    if not given.get("text"):
        return JSONResponse({"message": "Failed to save annotation: text field should not be empty"}, 400)
    if any(len(tag) > 100 for tag in given.get("tags") or []):
        return JSONResponse({"message": "Failed to save annotation"}, 500)
    return None
