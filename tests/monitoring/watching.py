"""A real Prometheus and Alertmanager beside our exporter, on free ports, with a receiver that keeps what it is sent."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from model_code.settings import Settings
from monitoring.prometheus import configuration
from monitoring.prometheus.programs import alertmanager_command, prometheus_command
from tests.conftest import free_port, missing

PATIENCE = 110.0  # seconds, on a machine that does much else
ROOT = Path(__file__).parents[2]


def require_programs() -> None:
    """Skip where Debian's packages are not installed; in CI, fail."""
    for program in ("prometheus", "promtool", "prometheus-alertmanager", "amtool"):
        if not shutil.which(program):
            missing(f"{program} (apt-get install prometheus prometheus-alertmanager)")


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if answer := holds():
                return answer
        except httpx.HTTPError:  # not up yet, or still reading its data
            pass
        assert time.monotonic() < deadline, f"it did not come to be: {what}"
        time.sleep(0.1)


class Receiver:
    """Stands where the bridge does, and keeps every post."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, Any]]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append((self.headers.get("Authorization", ""), json.loads(body)))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def got(self, alert: str, status: str = "firing") -> bool:
        """Whether that alert was posted."""
        return any(
            each["labels"]["alertname"] == alert and each["status"] == status for _, post in self.posts for each in post["alerts"]
        )

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Watchers:
    """Exporter, Prometheus and Alertmanager of one installation as processes of this test, and questions to them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start_all(self) -> None:
        """Start them as configured now."""
        configuration.write(self.settings)
        self.start_exporter()
        self.start_alertmanager()
        self.start_prometheus()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start one of them; its output goes to a log in the home."""
        with (self.settings.home / f"{name}.log").open("ab") as log:
            environment = {**os.environ, **self.settings.environment(), "PYTHONPATH": str(ROOT)}
            self._running[name] = subprocess.Popen(command, cwd=self.settings.home, env=environment, stdout=log, stderr=log)

    def start_exporter(self) -> None:
        """Start the exporter, or start it again."""
        self.start("exporter", [sys.executable, "-m", "monitoring.exporter"])

    def start_alertmanager(self) -> None:
        """Start Alertmanager, or start it again."""
        self.start("alertmanager", alertmanager_command(self.settings) or ())

    def start_prometheus(self) -> None:
        """Start Prometheus, or start it again."""
        self.start("prometheus", prometheus_command(self.settings) or ())

    def kill(self, name: str) -> None:
        """End one of them the hard way."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def close(self) -> None:
        """End all."""
        for name in [*self._running]:
            self.kill(name)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers now."""
        answer = httpx.get(
            f"http://127.0.0.1:{self.settings.prometheus_port}/api/v1/query", params={"query": expression}, timeout=10
        )
        return list(answer.raise_for_status().json()["data"]["result"])

    def value(self, expression: str) -> float | None:
        """The value of the only series of the answer; None without one."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def firing(self, alert: str) -> dict[str, str] | None:
        """Labels of that alert at Alertmanager, where it is active."""
        answer = httpx.get(f"http://127.0.0.1:{self.settings.alertmanager_port}/api/v2/alerts", timeout=10)
        alerts = answer.raise_for_status().json()
        found = [each for each in alerts if each["labels"]["alertname"] == alert and each["status"]["state"] == "active"]
        return dict(found[0]["labels"]) if found else None


class Watching(Watchers):
    """The same, with somebody who keeps what they tell the bridge, and what they tell the outside."""

    def __init__(self, settings: Settings, receiver: Receiver, outside: Receiver) -> None:
        super().__init__(settings)
        self.receiver = receiver
        self.outside = outside


@contextmanager
def watching(home: Path) -> Iterator[Watching]:
    """All of it, running, with a scrape every second."""
    receiver, outside = Receiver(), Receiver()
    settings = Settings(
        home=home,
        scrape_seconds=1,
        exporter_port=free_port(),
        prometheus_port=free_port(),
        alertmanager_port=free_port(),
        service_port=free_port(),
        bridge_port=receiver.port,
        watchdog_url=f"http://127.0.0.1:{outside.port}/watchdog",
    )
    with ExitStack() as stack:
        stack.callback(receiver.close)
        stack.callback(outside.close)
        made = Watching(settings, receiver, outside)
        stack.callback(made.close)
        made.start_all()
        yield made
