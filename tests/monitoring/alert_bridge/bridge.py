"""The bridge in this process: its token, a clock that is set, a client that asks it directly, incidents put there."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa
from starlette.applications import Starlette

from monitoring.alert_bridge.incidents import Incidents
from monitoring.alert_bridge.webhook import parse
from tests.bridge_process import webhook

TOKEN = "a-token-of-more-than-sixteen-characters"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)


class Clock:
    """A wall clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, span: timedelta) -> None:
        self.now += span


class Client:
    """Asks the application directly; its lifespan does not run."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, **given_: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, **given_))

    async def _ask(self, method: str, path: str, **given_: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://bridge") as client:
            return await client.request(method, path, **given_)


def kept(engine: sa.Engine, clock: Clock, *alerts: dict[str, Any]) -> Incidents:
    incidents = Incidents(engine)
    incidents.keep(parse(webhook(*alerts)).alerts, clock())
    return incidents
