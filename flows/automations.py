"""Automations as code: which event starts which flow. Registering them again changes what differs, and no more."""

import asyncio

from prefect.automations import AutomationCore
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture

from flows.events import BREACH

# An Automation can only pass on the triggering event; the flow reads the state again and may decline.
ASKED = (
    '{"usecase": "{{ event.resource[\'evenkeel.usecase\'] }}", "now": "{{ event.payload[\'at\'] }}",'
    ' "reason": "event {{ event.id }}"}'
)
ACTIONS = ("rollback", "retrain", "recalibrate")


def automation(action: str, deployment_id: str) -> AutomationCore:
    """The Automation that starts `action` when the monitor saw a breach that asks for it."""
    return AutomationCore(
        name=f"evenkeel: breach starts {action}",
        description=f"A breach event that asks for {action} starts the {action} flow, which looks again before it acts.",
        trigger=EventTrigger(expect={f"{BREACH}.{action}"}, posture=Posture.Reactive, threshold=1),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment_id,
                parameters={"params": {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": ASKED}}},
            )
        ],
    )


async def register(client: PrefectClient, work_pool: str = "local") -> list[str]:
    """Create or renew every Automation whose flow is deployed to that work pool; names of those registered."""
    registered = []
    found = [item for item in await client.read_deployments() if item.work_pool_name == work_pool]
    deployed = {(await client.read_flow(item.flow_id)).name: item for item in found}
    for action in ACTIONS:
        if action not in deployed:
            continue
        wanted = automation(action, str(deployed[action].id))
        for old in await client.read_automations_by_name(wanted.name):
            await client.delete_automation(old.id)
        await client.create_automation(wanted)
        registered.append(wanted.name)
    return registered


async def main() -> None:
    """Register all Automations at the server that PREFECT_API_URL names."""
    async with get_client() as client:
        for name in await register(client):
            print(name)


if __name__ == "__main__":
    asyncio.run(main())
