"""The parts of a bridge, for each test anew."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from model_code.settings import Settings
from monitoring.alert_bridge.app import Bridge
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import Sender
from monitoring.notify.targets import targets
from tests.hook_server import HookServer, hook_server
from tests.monitoring.alert_bridge.bridge import TOKEN, Client, Clock
from tests.monitoring.alert_bridge.fake_prefect import PrefectServer, prefect_server


@pytest.fixture
def prefect() -> Iterator[PrefectServer]:
    with prefect_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(engine: sa.Engine, prefect: PrefectServer, clock: Clock) -> Iterator[Sender]:
    with PrefectApi(prefect.url) as api:
        yield Sender(engine, api, clock)


@pytest.fixture
def hook() -> Iterator[HookServer]:
    with hook_server() as server:
        yield server


@pytest.fixture
def pager(engine: sa.Engine, hook: HookServer, clock: Clock) -> Pager:
    return Pager(engine, lambda: targets(Settings(notify_urls=hook.url)), clock)


@pytest.fixture
def client(engine: sa.Engine, sender: Sender, pager: Pager, clock: Clock) -> Client:
    """The bridge without its lifespan: nothing is sent behind the test's back."""
    return Client(Bridge(engine, sender, pager, TOKEN, clock).app())
