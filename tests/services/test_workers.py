"""Several workers: what one of them is in shows in the scrape of another one."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.postgresql import PostgresqlServer
from tests.services import tiny
from tests.services.conftest import installation, make_known
from tests.services.processes import QUESTION, Process
from tests.waiting import until

GAUGES = ("ready", "store_down", "spool_refusing")
WELL, DOWN = (1.0, 0.0, 0.0), (0.0, 1.0, 1.0)


class Worker:
    """One worker of a service, over a connection that stays with it."""

    def __init__(self, service: Process, process: psutil.Process) -> None:
        self.process = process
        self._client = self._connected(service)

    def status(self, path: str) -> int:
        return self._client.get(path).status_code

    def ask(self) -> int:
        return self._client.post("/predict", json=QUESTION).status_code

    def told(self) -> tuple[float, ...]:
        """GAUGES, as this worker's `/metrics` tells them."""
        lines = self._client.get("/metrics").text.splitlines()
        values = {line.partition("{")[0]: float(line.split()[-1]) for line in lines if not line.startswith("#")}
        return tuple(values[f"evenkeel_service_{name}"] for name in GAUGES)

    def close(self) -> None:
        self._client.close()

    def _connected(self, service: Process) -> httpx.Client:
        while True:  # whichever worker is free takes a new connection
            client = httpx.Client(base_url=service.url)
            port = client.get("/livez").extensions["network_stream"].get_extra_info("client_addr")[1]
            if any(each.raddr and each.raddr.port == port for each in self.process.connections()):
                return client
            client.close()


@pytest.fixture
def service(server: PostgresqlServer, tmp_path: Path) -> Iterator[Process]:
    """Two workers that commit what they keep to the server."""
    place = installation(tmp_path, sql_url=server.url, keep="store", workers=2, drain_seconds=5.0)
    place.pointers.move(tiny.NAME, make_known(place, "1", "ridge"), None)
    place.sql.dispose()
    made = Process(place.settings, tmp_path / "service.log")
    made.wait_ready()
    yield made
    made.end()


@pytest.fixture
def pair(service: Process) -> Iterator[tuple[Worker, Worker]]:
    """Both workers."""
    children = psutil.Process(service.popen.pid).children()
    one, other = (Worker(service, each) for each in children if "services.forecaster" in each.cmdline())
    yield one, other
    one.close()
    other.close()


def test_metrics__tell_an_outage_of_another_workers_store_and_its_end(
    pair: tuple[Worker, Worker], server: PostgresqlServer
) -> None:
    asked, scraped = pair
    until(lambda: asked.told() == scraped.told() == WELL)

    server.stop()
    until(lambda: asked.ask() == 503)

    assert scraped.status("/readyz") == 200  # nobody asked this one, so that it knows of no outage
    until(lambda: scraped.told() == DOWN)
    assert asked.told() == DOWN

    server.start()
    until(lambda: scraped.told() == WELL)  # though nobody scrapes the one that was in it
    assert (asked.told(), asked.status("/readyz")) == (WELL, 200)


def test_metrics__tell_that_another_worker_drains(pair: tuple[Worker, Worker]) -> None:
    ending, scraped = pair
    until(lambda: scraped.told() == WELL)

    ending.process.terminate()

    until(lambda: ending.status("/readyz") == 503)
    until(lambda: scraped.told()[0] == 0.0, seconds=4.0)
    told = [scraped.told()[0] for _ in range(50)]
    assert (set(told), ending.status("/readyz")) == ({0.0}, 503)  # and goes on telling it
