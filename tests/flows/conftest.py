"""One real Prefect server for the tests that need one; they share one worker of the test run."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.deployments import deploy_all
from flows.stack import LocalStack
from model_code.settings import Settings
from tests.conftest import free_port
from tests.contenders_served import Served, served
from tests.flows.running import Runs
from tests.flows.small import HeldEia, Stages
from tests.hook_server import HookServer, hook_server

FLOW = '''
import os
from prefect import flow

@flow
def hello(name: str, times: int = 1) -> str:
    """Says hello, and who its parent is."""
    print(f"{name * times} from a child of {os.getppid()}")
    return name
'''
PREFECT_YAML = """
pull: null
deployments:
  - name: here
    entrypoint: hello.py:hello
    parameters: {name: ahoy}
    tags: [greeting]
    schedules: [{cron: "0 3 * * *", timezone: Australia/Melbourne, active: false}]
    concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}
    work_pool: {name: local}
  - name: elsewhere
    entrypoint: hello.py:hello
    parameters: {name: ahoy}
    work_pool: {name: gcp}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the one server, and of the stages, on one worker, so that they are made once."""
    for item in items:
        if {"prefect_api", "local_stack", "stages"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("prefect"))


@pytest.fixture(scope="session")
def stack_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home and ports of their own."""
    return Settings(home=tmp_path_factory.mktemp("stack"), prefect_port=free_port(), mlflow_port=free_port())


@pytest.fixture(scope="session")
def deployments_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small `prefect.yaml` with its flow beside it."""
    folder = tmp_path_factory.mktemp("deployments")
    (folder / "hello.py").write_text(FLOW)
    (folder / "prefect.yaml").write_text(PREFECT_YAML)
    return folder / "prefect.yaml"


@pytest.fixture(scope="session")
def _stack(stack_settings: Settings, deployments_file: Path) -> Iterator[LocalStack]:
    stack = LocalStack(stack_settings, deployments_file)
    yield stack
    stack.down()


@pytest.fixture(scope="session")
def prefect_api(_stack: LocalStack, stack_settings: Settings) -> str:
    """API URL of a real Prefect server, without a worker."""
    _stack.up(["prefect"])
    return f"http://{stack_settings.host}:{stack_settings.prefect_port}/api"


@pytest.fixture(scope="session")
def local_stack(prefect_api: str, _stack: LocalStack) -> LocalStack:
    """The same server with a worker, the warm process and the deployments of `deployments_file`."""
    from flows.stack.local import CORE

    _stack.up(CORE)
    return _stack


@pytest.fixture(scope="session")
def contenders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A champion, a better and a worse version, each served by a process of its own."""
    with served(tmp_path_factory.mktemp("contenders")) as found:
        yield found


@pytest.fixture(scope="session")
def eia() -> Iterator[HeldEia]:
    """The data source of the small use case."""
    with HeldEia() as fake:
        yield fake


@pytest.fixture
def hook() -> Iterator[HookServer]:
    """Where messages to people go."""
    with hook_server() as server:
        yield server


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, eia: HeldEia) -> Stages:
    """The small use case at each stage of the loop."""
    return Stages(tmp_path_factory.mktemp("stages"), eia)


@pytest.fixture(scope="session")
def runs(local_stack: LocalStack, prefect_api: str) -> Iterator[Runs]:
    """Runs of Evenkeel's own deployments."""
    from prefect.client.orchestration import PrefectClient, SyncPrefectClient

    async def deploy() -> None:
        async with PrefectClient(api=prefect_api) as client:
            await deploy_all(client)

    asyncio.run(deploy())
    with SyncPrefectClient(api=prefect_api) as client:
        yield Runs(client, local_stack)
