"""What a Prefect server is told: the work pool, the deployments of `prefect.yaml`, the automations.

A program of its own (`python -m flows.stack.registration FILE`), so that it can start warm: it imports every flow.
"""

import asyncio
import shlex
import sys
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.automations import register as register_automations
from flows.deployments import deploy_all
from flows.stack.parts import WORK_POOL, launch
from model_code.errors import EvenkeelError
from model_code.settings import Settings


def register(settings: Settings, deployments: Path) -> list[str]:
    """Create or renew all of it at the local server; names of the deployments as FLOW/DEPLOYMENT."""
    return asyncio.run(_register(settings, deployments))


async def _register(settings: Settings, deployments: Path) -> list[str]:
    async with PrefectClient(api=f"http://{settings.host}:{settings.prefect_port}/api") as client:
        await create_work_pool(client, settings, deployments.resolve().parent)
        deployed = await deploy_all(client, work_pool=WORK_POOL, path=deployments)
        await register_automations(client)
    return deployed


async def create_work_pool(client: PrefectClient, settings: Settings, code: Path) -> None:
    """The work pool whose runs start warm, in the folder `code`.

    Paths belong here, since `prefect.yaml` is the same on every machine.
    """
    template: dict[str, Any] = ProcessWorker.get_default_base_job_template()
    defaults = {"command": shlex.join(launch(settings)), "working_dir": str(code), "stream_output": True}
    for name, value in defaults.items():
        template["variables"]["properties"][name]["default"] = value
    try:
        await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template))
    else:
        await client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=template))


if __name__ == "__main__":
    try:
        print("\n".join(register(Settings.load(), Path(sys.argv[1]))))
    except EvenkeelError as error:
        sys.exit(str(error))
