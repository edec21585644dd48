"""Deployments: read strictly, registered at a real server, run warm by a real worker."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from flows.automations import register as register_automations
from flows.deployments import Deployment, WorkPool, deploy_all, load
from flows.stack import LocalStack
from flows.stack.local import CORE
from model_code.errors import ConfigurationError
from model_code.settings import Settings

PATIENCE = 60.0


def written(folder: Path, text: str) -> Path:
    path = folder / "prefect.yaml"
    path.write_text(text)
    return path


def test_load__gives_what_the_file_states(deployments_file: Path) -> None:
    here, elsewhere = load(deployments_file).deployments

    assert (here.name, here.entrypoint, here.tags) == ("here", "hello.py:hello", ("greeting",))
    assert here.schedules[0].timezone == "Australia/Melbourne"
    assert elsewhere == Deployment(
        name="elsewhere", entrypoint="hello.py:hello", parameters={"name": "ahoy"}, work_pool=WorkPool(name="gcp")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deploymens: []", "deploymens: unknown key, did you mean 'deployments'"),
        ("deployments: [{name: x, entrypoint: 'a.py:b', work_pool: {name: y}, shedules: []}]", "did you mean 'schedules'"),
        ("deployments: [{name: x, entrypoint: 'a.py:b', work_pool: {nam: y}}]", "did you mean 'name'"),
        ("deployments: [{name: x, entrypoint: a.py, work_pool: {name: y}}]", "deployments.0.entrypoint"),
        ("deployments: [{name: x", "it must be YAML"),
        ("", "prefect.yaml: top level"),
    ],
)
def test_load__refuses_what_prefect_would_let_pass(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, text))

    assert said in str(caught.value)


def test_load__names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"prefect\.yaml"):
        load(tmp_path / "prefect.yaml")


def test_deploy_all__names_the_deployment_whose_flow_does_not_load(prefect_api: str, tmp_path: Path) -> None:
    path = written(tmp_path, "deployments: [{name: x, entrypoint: 'gone.py:b', work_pool: {name: local}}]")

    async def deploy() -> None:
        async with PrefectClient(api=prefect_api) as client:
            await deploy_all(client, path=path)

    with pytest.raises(ConfigurationError, match=r"deployment x: gone\.py:b"):
        asyncio.run(deploy())


async def run_to_the_end(client: PrefectClient, name: str, parameters: dict[str, Any]) -> FlowRun:
    deployment = await client.read_deployment_by_name(name)
    run = await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    deadline = time.monotonic() + PATIENCE
    while run.state is None or not run.state.is_final():
        assert time.monotonic() < deadline, run.state
        await asyncio.sleep(0.1)
        run = await client.read_flow_run(run.id)
    return run


def test_deploy_all__registers_those_of_the_work_pool(local_stack: LocalStack, prefect_api: str, deployments_file: Path) -> None:
    async def look() -> None:
        async with PrefectClient(api=prefect_api) as client:
            assert await deploy_all(client, path=deployments_file) == ["hello/here"]
            names = [deployment.name for deployment in await client.read_deployments()]
            assert ("here" in names, "elsewhere" in names) == (True, False)
            only = await client.read_deployment_by_name("hello/here")
            assert (only.name, only.entrypoint, only.parameters) == ("here", "hello.py:hello", {"name": "ahoy"})
            assert not only.pull_steps
            assert only.global_concurrency_limit is not None
            assert only.global_concurrency_limit.limit == 1
            assert only.schedules[0].active is False
            assert set(only.parameter_openapi_schema["properties"]) == {"name", "times"}

    asyncio.run(look())


def test_worker__runs_a_deployment_warm(local_stack: LocalStack, prefect_api: str) -> None:
    zygote, worker = local_stack.status(["zygote", "worker"])

    async def look() -> FlowRun:
        async with PrefectClient(api=prefect_api) as client:
            return await run_to_the_end(client, "hello/here", {"name": "hey", "times": 2})

    run = asyncio.run(look())

    assert run.state is not None
    assert run.state.is_completed()
    assert f"heyhey from a child of {zygote.pid}" in Path(worker.log).read_text()


def test_worker__refuses_wrong_parameters(local_stack: LocalStack, prefect_api: str) -> None:
    async def start() -> None:
        async with PrefectClient(api=prefect_api) as client:
            await run_to_the_end(client, "hello/here", {"times": "many"})

    with pytest.raises(PrefectHTTPStatusError, match="times"):
        asyncio.run(start())


def test_deploy_all__registers_every_local_deployment_of_evenkeel(local_stack: LocalStack, prefect_api: str) -> None:
    async def look() -> tuple[list[str], list[str]]:
        async with PrefectClient(api=prefect_api) as client:
            return await deploy_all(client), await register_automations(client)

    deployed, automations = asyncio.run(look())

    assert len(set(deployed)) == len([entry for entry in load().deployments if entry.work_pool.name == "local"])
    assert {"refresh/local", "monitor/local", "rollback/local", "retrain/local"} <= set(deployed)
    assert automations


def test_up__tells_which_deployment_is_wrong_and_leaves_what_ran(
    local_stack: LocalStack, stack_settings: Settings, tmp_path: Path
) -> None:
    path = written(tmp_path, "deployments: [{name: x, entrypoint: 'gone.py:b', work_pol: {name: local}}]")

    with pytest.raises(ConfigurationError, match=r"not registered: .*did you mean 'work_pool'"):
        LocalStack(stack_settings, path).up(CORE)

    assert all(state.ready for state in local_stack.status(CORE))
