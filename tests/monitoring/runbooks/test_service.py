"""Drills of the model service: killed, cut off from its store, starved of room, given a bundle or a spool that is damaged."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from model_code.metrics.promql import SERVICE_JOB
from model_code.specification import Candidate
from monitoring import acting
from services.rollout.local.service import LocalService
from tests.conftest import own_postgresql
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.scrape import Scrape
from tests.monitoring.runbooks.world import NAME, TREES, World
from tests.postgresql import PostgresqlServer
from tests.waiting import until

NAIVE = Candidate(family="naive")
SPOOL_BYTES = 1 << 16
SLOW_SECONDS = 2.0
pytestmark = pytest.mark.xdist_group("drilled service")


class Serving:
    """A service on a PostgreSQL server that can be stopped, with a spool that is soon full."""

    def __init__(self, world: World, server: PostgresqlServer, **given: object) -> None:
        self.world, self.place, self.server = world, world.place, server
        settings = world.place.settings.model_copy(update=given)
        self.target, self.spool = LocalService(settings), settings.spool

    def scrape(self) -> Scrape:
        return Scrape.of(SERVICE_JOB, self.target.url)

    def told(self, name: str) -> float:
        return self.scrape().value(f"evenkeel_service_{name}")

    def ask(self) -> int:
        """Status of a forecast that is asked for."""
        return httpx.post(f"{self.target.url}/forecast", json={}, timeout=30).status_code

    def until(self, name: str, value: float) -> Scrape:
        """The scrape once that gauge has that value."""
        until(lambda: self.told(name) == value)
        return self.scrape()

    def fill(self, share: float) -> None:
        """Ask until more than that share of the spool is full."""
        while self.told("spool_bytes") <= share * SPOOL_BYTES:
            assert [self.ask() for _ in range(20)] == [200] * 20

    @contextmanager
    def refused(self, candidate: Candidate) -> Iterator[None]:
        """A version is promoted whose bundle is damaged for as long as the block lasts, and the service has refused it twice."""
        place, version = self.place, self.world.registered(candidate)
        file = place.bundles.folder / place.registry.bundle_of(NAME, version) / "golden.json"
        whole = file.read_bytes()
        file.write_text("{}")
        place.promoter.promote(NAME, version, "a person", "wanted today", {}, self.world.now.to_pydatetime(), force=True)
        refusals = self.scrape().value("evenkeel_service_switches_total", outcome="refused")
        until(lambda: self.scrape().value("evenkeel_service_switches_total", outcome="refused") >= refusals + 2)
        yield
        file.write_bytes(whole)

    def slowly_asked(self) -> tuple[Scrape, Scrape]:
        """Scrapes before and after three forecasts, while others keep the tables of predictions to themselves."""
        self.target.deploy(self.place.usecase)
        try:
            assert self.ask() == 200
            before = self.scrape()
            for _ in range(3):
                with ThreadPoolExecutor(1) as asking, self.place.sql.begin() as busy:
                    busy.exec_driver_sql("LOCK TABLE prediction, prediction_block IN EXCLUSIVE MODE")
                    asked = asking.submit(self.ask)
                    time.sleep(SLOW_SECONDS)
                    busy.rollback()
                    assert asked.result() == 200
            return before, self.scrape()
        finally:
            self.target.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with own_postgresql() as made:
        yield made


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, server: PostgresqlServer) -> Iterator[Serving]:
    world = World.begun(tmp_path_factory.mktemp("serving"), sql_url=server.url, spool_bytes=SPOOL_BYTES)
    made = Serving(world, server)
    try:
        made.target.deploy(made.place.usecase)
        yield made
    finally:
        made.target.stop()
        made.place.sql.dispose()


@pytest.mark.full
@pytest.mark.timeout(300)
def test_runbook__the_store_goes_down_and_comes_back(serving: Serving) -> None:
    assert serving.ask() == 200
    serving.server.stop()
    serving.ask()
    down = serving.until("store_down", 1)
    serving.fill(0.6)
    filling = serving.scrape()
    while serving.ask() == 200:
        pass
    refusing = serving.until("spool_refusing", 1)
    failed = [serving.ask() for _ in range(10)]
    failing = serving.scrape()

    serving.server.start()
    until(lambda: serving.told("spool_bytes") == 0)
    again = serving.until("spool_refusing", 0)
    answered = [serving.ask() for _ in range(10)]
    mended = serving.until("store_down", 0)

    assert (set(failed), set(answered)) == ({503}, {200})
    prove("EvenkeelStoreDown", [down], [mended], usecase=NAME, instance=down.instance)
    prove("EvenkeelSpoolFilling", [filling], [mended], usecase=NAME, instance=down.instance)
    prove("EvenkeelSpoolRefusing", [refusing], [mended], usecase=NAME, instance=down.instance)
    prove("EvenkeelErrorsHigh", [(refusing, failing)], [(again, mended)], usecase=NAME)


@pytest.mark.full
@pytest.mark.timeout(180)
def test_runbook__a_larger_spool_gains_time_while_the_store_is_down(serving: Serving) -> None:
    serving.server.stop()
    serving.fill(0.6)
    filling, told = serving.scrape(), httpx.get(f"{serving.target.url}/model").json()

    serving.target.stop()
    serving.target.start(serving.place.usecase)
    until(lambda: serving.scrape().up)
    restarted = serving.ask()
    serving.target.stop()
    pinned = {"pin": told["bundle"], "pin_version": told["version"]}
    larger = Serving(serving.world, serving.server, spool_bytes=4 * SPOOL_BYTES, **pinned)
    larger.target.start(serving.place.usecase)
    mended = larger.until("ready", 1)
    answered = [larger.ask() for _ in range(10)]

    larger.target.stop()
    serving.server.start()
    serving.target.deploy(serving.place.usecase)
    assert (restarted, set(answered)) == (503, {200})
    prove("EvenkeelSpoolFilling", [filling], [mended], usecase=NAME, instance=filling.instance)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_runbook__spool_set_aside(serving: Serving, tmp_path: Path) -> None:
    (serving.spool / "0-damaged.ready").write_bytes(b"no frame at all")
    until(lambda: serving.told("spool_set_aside") == 1)
    broken = serving.scrape()

    for each in serving.spool.glob("*.damaged"):
        each.rename(tmp_path / each.name)
    mended = serving.until("spool_set_aside", 0)

    prove("EvenkeelSpoolSetAside", [broken], [mended], usecase=NAME, instance=broken.instance)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_runbook__service_down(serving: Serving) -> None:
    os.killpg(serving.target.status().pid or 0, signal.SIGKILL)
    broken = serving.scrape()

    serving.target.deploy(serving.place.usecase)

    prove("EvenkeelServiceDown", [broken], [serving.scrape()], job=SERVICE_JOB)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_runbook__a_bundle_that_is_damaged_is_left_by_a_person(serving: Serving) -> None:
    before, pointer = serving.scrape(), serving.place.pointers.get(NAME)
    assert pointer is not None
    with serving.refused(TREES):
        broken = serving.scrape()

        acting.roll_back(serving.place, serving.world.now, acting.Request("a person", "its bundle is refused", force=True))
        serving.target.wait_ready(pointer.wanted)
        mended = serving.scrape()
        still = serving.scrape()

    prove("EvenkeelBundleRefused", [(before, broken)], [(mended, still)], usecase=NAME)
    prove("EvenkeelServiceNotReady", [broken], [mended], usecase=NAME, instance=broken.instance)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_runbook__a_bundle_that_is_damaged_is_put_back(serving: Serving) -> None:
    with serving.refused(NAIVE):
        broken = serving.scrape()
    pointer = serving.place.pointers.get(NAME)
    assert pointer is not None
    serving.target.wait_ready(pointer.wanted)

    prove("EvenkeelServiceNotReady", [broken], [serving.scrape()], usecase=NAME, instance=broken.instance)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_runbook__latency_high(serving: Serving, tmp_path: Path) -> None:
    world = serving.world.copy(tmp_path / "home")
    broken = Serving(world, serving.server, keep="store").slowly_asked()

    mended = Serving(world, serving.server, keep="spool").slowly_asked()

    world.place.sql.dispose()
    prove("EvenkeelLatencyHigh", [broken], [mended], usecase=NAME, route="forecast")
