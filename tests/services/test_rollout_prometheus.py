"""What callers met, read from a real Prometheus that scrapes a service of our own words."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monitoring.grafana.prometheus import OwnPrometheus
from services.rollout.analysis.prometheus import Prometheus, _Series, quantile
from tests.conftest import free_port, missing
from tests.waiting import until

USECASE = "demand"
PATIENCE = 30.0


class Exporter:
    """Tells what it is told to tell."""

    def __init__(self) -> None:
        self.lines: dict[str, float] = {}

    def count(self, track: str, status: int, requests: int, seconds: float = 0.05) -> None:
        """Add requests of one status."""
        labels = f'usecase="{USECASE}",track="{track}",route="predict"'
        self._add(f'evenkeel_service_requests_total{{{labels},status="{status}"}}', requests)
        for bound in ("0.1", "0.2", "1.0", "+Inf"):
            self._add(f'evenkeel_service_latency_seconds_bucket{{{labels},le="{bound}"}}', requests * (float(bound) >= seconds))

    def ready(self, track: str) -> None:
        """The track is there."""
        self.lines[f'evenkeel_service_ready{{usecase="{USECASE}",track="{track}"}}'] = 1

    def forget(self, track: str) -> None:
        """Its pods are gone."""
        self.lines = {name: value for name, value in self.lines.items() if f'track="{track}"' not in name}

    def restart(self, track: str) -> None:
        """Its counters begin anew."""
        self.lines |= {name: 0.0 for name in self.lines if f'track="{track}"' in name and "ready" not in name}

    def text(self) -> bytes:
        return "".join(f"{name} {value}\n" for name, value in self.lines.items()).encode()

    def _add(self, name: str, value: float) -> None:
        self.lines[name] = self.lines.get(name, 0.0) + value


@contextmanager
def serving(answer: Callable[[], bytes], kind: str = "text/plain; version=0.0.4") -> Iterator[int]:
    """A server that answers everything with that; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer()
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_since__counts_what_came_since_the_step_began(tmp_path: Path) -> None:
    exporter = Exporter()
    exporter.ready("stable")
    exporter.count("stable", 200, 1000)
    exporter.count("stable", 500, 7)
    try:
        with serving(exporter.text) as port, OwnPrometheus(tmp_path, {"service": f"127.0.0.1:{port}"}) as running:
            until(lambda: bool(running.now("evenkeel_service_ready")))
            _counts(exporter, Prometheus(f"http://127.0.0.1:{running._port}"))
    except Exception as error:
        if "not installed" in str(error):
            missing("Prometheus (apt-get install prometheus)")
        raise


def _counts(exporter: Exporter, reader: Prometheus) -> None:
    began = time.monotonic()
    read = lambda: reader.since(USECASE, time.monotonic() - began)  # noqa: E731
    assert reader.since(USECASE, 60) is None, "there is no canary yet"

    exporter.ready("canary")
    until(lambda: read() is not None)
    began = time.monotonic()
    until(lambda: (found := read()) is not None and found.stable.requests == 0)
    exporter.count("canary", 200, 40)
    exporter.count("canary", 503, 2)  # a series that is born with the first failure
    exporter.count("stable", 200, 300, seconds=0.15)
    until(lambda: (found := read()) is not None and found.canary.requests == 42 and found.stable.requests == 300)
    found = read()
    assert found is not None
    assert (found.canary.failed, found.stable.failed) == (2, 0)
    assert found.canary.p99 is not None
    assert found.canary.p99 < 0.1 < (found.stable.p99 or 0) < 0.2

    exporter.count("canary", 200, 110)
    exporter.count("canary", 200, 2, seconds=0.3)
    until(lambda: (found := read()) is not None and found.canary.requests == 154)
    found = read()
    assert found is not None
    assert (found.canary.p99_at_least or 9) < 0.1 < (found.canary.p99 or 0), "two of them met a busy node, maybe"
    exporter.count("canary", 200, 20, seconds=0.3)
    until(lambda: (found := read()) is not None and found.canary.requests == 174)
    found = read()
    assert found is not None
    assert (found.canary.p99_at_least or 0) > 0.1, "and so many did not"

    exporter.restart("canary")
    exporter.count("canary", 200, 5)
    until(lambda: (found := read()) is not None and found.canary.requests == 179)
    assert reader.since("another", 60) is None
    assert Prometheus(reader.url, {"namespace": "elsewhere"}).since(USECASE, 60) is None

    exporter.forget("canary")
    until(lambda: reader.since(USECASE, 2.0) is None)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"status":"success","data":{"resultType":"vector","result":[]}}'])
def test_since__what_is_no_prometheus_is_none(body: bytes) -> None:
    with serving(lambda: body, "application/json") as port:
        assert Prometheus(f"http://127.0.0.1:{port}").since(USECASE, 60) is None


def test_since__nobody_there_is_none_and_no_password_is_told(caplog: pytest.LogCaptureFixture) -> None:
    reader = Prometheus(f"http://evenkeel:hidden@127.0.0.1:{free_port()}")

    assert reader.since(USECASE, 60) is None
    assert Prometheus("no address").since(USECASE, 60) is None
    assert "hidden" not in caplog.text + repr(reader)
    assert "no serving metrics" in caplog.text


def test_increase__counts_from_nought_what_was_born_later() -> None:
    born = _Series(metric={}, values=[(10, "3"), (11, "4")])
    known = _Series(metric={}, values=[(1, "3"), (11, "4"), (12, "1")])

    assert (born.increase(5), known.increase(5), known.increase(20)) == (4, 2, 0)


def test_quantile__beyond_the_last_bound_is_certainly_slow() -> None:
    assert quantile({}, 0.99) is None
    assert quantile({0.1: 0, float("inf"): 0}, 0.99) is None
    assert quantile({0.1: 0, 5.0: 0, float("inf"): 3}, 0.99) == 10.0
