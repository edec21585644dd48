"""A Prefect server as the bridge sees it: takes events, tells of runs, and breaks when it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakePrefect(BaseHTTPRequestHandler):
    """Takes events, and tells of the runs that it is said to have; `broken` answers 500."""

    server: "PrefectServer"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.broken:
            self._answer(500, {"detail": "on fire"})
        elif self.path == "/api/events":
            self.server.events += body
            self._answer(204, None)
        else:
            self._answer(200, self.server.runs)

    def _answer(self, status: int, body: Any) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class PrefectServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakePrefect)
        self.events: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"


@contextmanager
def prefect_server() -> Iterator[PrefectServer]:
    server = PrefectServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(usecase: str, state: str = "RUNNING", began: datetime | None = None) -> dict[str, Any]:
    """A flow run as Prefect tells of it."""
    expected = (began or datetime.now(UTC)).isoformat()
    return {"parameters": {"params": {"usecase": usecase}}, "state_type": state, "expected_start_time": expected}
