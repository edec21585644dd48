"""Prefect by its HTTP API, as far as the bridge needs it: hand over an event, ask whether a run for it is under way."""

import base64
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from model_code.errors import EvenkeelError
from model_code.settings import Settings

AWAITED = "SCHEDULED"  # by a worker, which may never come
UNFINISHED = [AWAITED, "PENDING", "RUNNING", "PAUSED", "CANCELLING"]
MOST_RUNS = 50
SOON = timedelta(minutes=1)  # as much may the clocks of bridge and Prefect differ
TIMEOUT_SECONDS = 5.0


class PrefectUnavailable(EvenkeelError):
    """The Prefect server cannot be reached, or it refuses what it is given."""

    status = 503
    title = "Prefect is not to be had"


class PrefectApi:
    """One client of one Prefect server.

    Args:
        url: Address of its API, such as `http://127.0.0.1:4200/api`.
        headers: For authorization.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, headers=dict(headers or {}), timeout=TIMEOUT_SECONDS)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The server that PREFECT_API_URL names, else the local stack's, with Prefect's own variables for authorization."""
        url = os.environ.get("PREFECT_API_URL") or f"http://{settings.host}:{settings.prefect_port}/api"
        headers: dict[str, str] = {}
        if key := os.environ.get("PREFECT_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        elif word := os.environ.get("PREFECT_API_AUTH_STRING"):
            headers["Authorization"] = f"Basic {base64.b64encode(word.encode()).decode()}"
        return cls(url, headers)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self._client.close()

    def emit(
        self, identity: UUID, name: str, resource: Mapping[str, str], payload: Mapping[str, Any], occurred: datetime
    ) -> None:
        """Hand over one event; the same `identity` again is the same event.

        Raises:
            PrefectUnavailable: Not reached, or not taken.
        """
        event = {
            "id": str(identity),
            "event": name,
            "resource": dict(resource),
            "payload": dict(payload),
            "occurred": occurred.isoformat(),
        }
        self._post("/events", [event])

    def looks_under_way(self, flows: Sequence[str], usecase: str, since: timedelta) -> frozenset[str]:
        """States of the runs of these flows for that use case that wait or are at work, by Prefect's types; none: nobody is at it.

        One that began before `since` counts for dead, unless it waits for a person: that ends by itself. One that is scheduled
        for later, as a deployment with a schedule has many, is none yet.

        Raises:
            PrefectUnavailable: Not reached.
        """
        now = datetime.now(UTC)
        wanted = {
            "flows": {"name": {"any_": list(flows)}},
            "flow_runs": {
                "state": {"type": {"any_": UNFINISHED}},
                "expected_start_time": {"before_": (now + SOON).isoformat()},
            },
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": MOST_RUNS,
        }
        dead = now - since
        runs = [run for run in self._post("/flow_runs/filter", wanted).json() if _usecase(run) == usecase]
        alive = [
            run for run in runs if run["state_type"] == "PAUSED" or datetime.fromisoformat(run["expected_start_time"]) > dead
        ]
        return frozenset(run["state_type"] for run in alive)

    def _post(self, path: str, body: Any) -> httpx.Response:
        try:
            answer = self._client.post(path, json=body)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            told = f"{self.url}{path}: {error.response.status_code} {error.response.text[:200]}"
            raise PrefectUnavailable(told, hint="is it the Prefect server, and the key right?") from error
        except httpx.HTTPError as error:
            told = f"{self.url}{path}: {error or type(error).__name__}"
            raise PrefectUnavailable(told, hint="is PREFECT_API_URL right and the server up?") from error
        return answer


def _usecase(run: Mapping[str, Any]) -> str | None:
    found: str | None = (run["parameters"].get("params") or {}).get("usecase")
    return found
