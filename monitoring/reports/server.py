"""A small static server of the reports: reads only, stays in its folder, tells browsers to trust nothing else."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitoring.reports.archive import ASSETS

TYPES = frozenset({".html", ".js", ".css", ".json", ""})
# Evidently's pages carry their figures in scripts and styles of their own; nothing may be loaded from, or sent, elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NONE_YET = (
    "<!doctype html><meta charset=utf-8><title>Reports</title><p>No report yet: the monitor makes them (docs/reports.md).</p>"
)


class Reports(StaticFiles):
    """The files of the folder: pages, records, and what they load; nothing hidden, no link that leads out of it."""

    async def check_config(self) -> None:
        """The folder may come later, with the first report."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404 for anything that is not one of ours."""
        parts = PurePosixPath(path)
        if parts.suffix not in TYPES or any(part.startswith(".") and part != "." for part in parts.parts):
            raise HTTPException(404)
        return await super().get_response(path, scope)

    def file_response(self, *given: Any, **named: Any) -> Response:
        """A file; those named by their hash may be kept for ever, the others are asked for again."""
        answer = super().file_response(*given, **named)
        scope: MutableMapping[str, Any] = given[2] if len(given) > 2 else named["scope"]
        lasting = str(scope["path"]).startswith(f"/{ASSETS}/")
        answer.headers["cache-control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return answer


class Guarded:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_encoded(HEADERS)]
            await send(message)

        await self._app(scope, receive, guarded)


def app_of(folder: Path) -> ASGIApp:
    """The application that serves a folder of reports, which may not be there yet.

    Args:
        folder: `<home>/reports`.
    """

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def missing(request: Request, error: Exception) -> Response:
        empty = request.url.path == "/" and not (folder / "index.html").exists()
        return HTMLResponse(NONE_YET) if empty else PlainTextResponse("not found\n", status_code=404)

    routes = [Route("/livez", alive), Mount("/", Reports(directory=folder, html=True, check_dir=False))]
    return Guarded(Starlette(routes=routes, exception_handlers={404: missing}))


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
