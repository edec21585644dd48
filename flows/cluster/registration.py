"""What a Prefect server is told of a cluster: work pools, deployments, automations. Again, with nothing changed, it changes nothing."""

import asyncio
from pathlib import Path

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.filesystems import LocalFileSystem

from flows.automations import register as register_automations
from flows.automations import renew
from flows.cluster.second_chance import second_chance
from flows.cluster.template import CPU, POOLS, base_job_template
from flows.deployments import PREFECT_YAML, deploy_all
from flows.results import ResultsBucket
from model_code.settings import Settings

# Named by prefect.yaml in the job variables of what rolls models out: account names differ from place to place.
ROLLOUT_ACCOUNT = "evenkeel_rollout_service_account"
RESULTS = "evenkeel"  # name of the block


def register(settings: Settings, deployments: Path = PREFECT_YAML) -> list[str]:
    """Create or renew all of it at the server that PREFECT_API_URL names; names of the deployments as FLOW/DEPLOYMENT.

    Raises:
        ConfigurationError: No image is named, or `prefect.yaml` is wrong.
    """
    return asyncio.run(_register(settings, deployments))


async def _register(settings: Settings, deployments: Path) -> list[str]:
    templates = {pool: base_job_template(settings, pool) for pool in POOLS}
    async with get_client() as client:
        for pool, template in templates.items():
            await _write_pool(client, pool, template)
        await _write_variable(client, ROLLOUT_ACCOUNT, settings.job_rollout_service_account)
        await _keep_results(client, settings.results_url)
        deployed = [name for pool in POOLS for name in await deploy_all(client, work_pool=pool, path=deployments)]
        await register_automations(client, CPU)
        await renew(client, second_chance(POOLS))
    return deployed


async def _keep_results(client: PrefectClient, url: str) -> None:
    """Where runs keep what they return, for every run of this server; without a place, as the server has it."""
    if url:
        block = ResultsBucket(url=url) if "://" in url else LocalFileSystem(basepath=url)
        await client.update_server_default_result_storage(await block.save(RESULTS, overwrite=True))


async def _write_pool(client: PrefectClient, pool: str, template: dict[str, object]) -> None:
    try:
        found = await client.read_work_pool(pool)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=pool, type="kubernetes", base_job_template=template))
    else:
        if found.base_job_template != template:
            await client.update_work_pool(pool, WorkPoolUpdate(base_job_template=template))


async def _write_variable(client: PrefectClient, name: str, value: str) -> None:
    if await client.read_variable_by_name(name) is None:
        await client.create_variable(VariableCreate(name=name, value=value))
    else:
        await client.update_variable(VariableUpdate(name=name, value=value))
