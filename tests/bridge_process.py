"""The alert bridge as a process of its own, and posts as Alertmanager makes them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from model_code.settings import Settings
from monitoring.alert_bridge.token import ensure_token

ROOT = Path(__file__).parents[1]
BEGAN = datetime(2024, 7, 1, 3, tzinfo=UTC)
START_SECONDS = 60.0


def alert(usecase: str | None, name: str = "EvenkeelLossRatioBreach", *, status: str = "firing", **labels: str) -> dict[str, Any]:
    """One alert of a post."""
    told = {"alertname": name, "severity": "page", "hint": "rollback", **({"usecase": usecase} if usecase else {}), **labels}
    return {
        "status": status,
        "labels": told,
        "annotations": {"summary": f"{name} of {usecase}"},
        "startsAt": BEGAN.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()[:16],
    }


def webhook(*alerts: dict[str, Any]) -> bytes:
    """The body of a post, with all that Alertmanager 0.25 puts there."""
    return json.dumps(
        {
            "receiver": "evenkeel", "status": "firing", "alerts": list(alerts), "groupLabels": {}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://alertmanager", "version": "4", "groupKey": "{}:{}",
            "truncatedAlerts": 0,
        }
    ).encode()  # fmt: skip


class BridgeProcess:
    """`python -m monitoring.alert_bridge` with these settings, for as long as the block lasts.

    Args:
        settings: Its home and port.
        prefect: Address of Prefect's API.
    """

    def __init__(self, settings: Settings, prefect: str) -> None:
        self.url = f"http://{settings.host}:{settings.bridge_port}"
        self._environment = {**os.environ, **settings.environment(), "PREFECT_API_URL": prefect}
        self._log = settings.home / "bridge.log"
        self._token = ensure_token(settings)
        self._running: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "monitoring.alert_bridge"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        try:
            self._wait(self._running)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end(signal.SIGTERM)

    @property
    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def post(self, *alerts: dict[str, Any]) -> httpx.Response:
        """As Alertmanager does it."""
        return httpx.post(f"{self.url}/alerts", content=webhook(*alerts), headers={"Authorization": f"Bearer {self._token}"})

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._running is not None:
            self._running.send_signal(number)
            self._running.wait(timeout=30)
            self._running = None
