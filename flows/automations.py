"""Automations as code: which event starts which flow. Registering them again changes what differs, and no more."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from prefect.automations import Automation, AutomationCore
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture

from flows.events import ALERT, BREACH

# An Automation can only pass on the triggering event; the flow reads the state again and may decline.
ASKED = (
    '{"usecase": "{{ event.resource[\'evenkeel.usecase\'] }}", "now": "{{ event.payload[\'at\'] }}",'
    ' "reason": "event {{ event.id }}"}'
)
ALERTED = (
    '{"usecase": "{{ event.resource[\'evenkeel.usecase\'] }}", "actor": "alertmanager",'
    ' "reason": "alert {{ event.payload[\'alertname\'] }}, event {{ event.id }}"}'
)
ACTIONS = ("rollback", "retrain", "recalibrate")
LOOK = "act"
# Alerts come in flocks: the first starts a run, and those of the same use case within this time start no other. The bridge
# sends again what came too late for that run's look.
ONE_RUN_WITHIN = timedelta(seconds=10)


def breach_automation(action: str, deployment_id: str) -> AutomationCore:
    """The Automation that starts `action` when the monitor saw a breach that asks for it."""
    return AutomationCore(
        name=f"evenkeel: breach starts {action}",
        description=f"A breach event that asks for {action} starts the {action} flow, which looks again before it acts.",
        trigger=EventTrigger(expect={f"{BREACH}.{action}"}, posture=Posture.Reactive, threshold=1),
        actions=[_run(deployment_id, ASKED)],
    )


def alert_automation(deployment_id: str) -> AutomationCore:
    """The Automation that starts a look when the bridge passed an alert of a use case on."""
    return AutomationCore(
        name="evenkeel: alert starts a look",
        description="An alert of a use case starts the act flow, which looks and carries out what the policy then says.",
        trigger=EventTrigger(
            expect={f"{ALERT}.*"},
            match={"evenkeel.usecase": "*"},
            for_each={"evenkeel.usecase"},
            posture=Posture.Reactive,
            threshold=1,
            within=ONE_RUN_WITHIN,
        ),
        actions=[_run(deployment_id, ALERTED)],
    )


def wanted_automations(deployed: Mapping[str, str]) -> list[AutomationCore]:
    """Every Automation whose flow is deployed.

    Args:
        deployed: Deployment id by name of the flow.
    """
    breaches = [breach_automation(action, deployed[action]) for action in ACTIONS if action in deployed]
    return [*breaches, *([alert_automation(deployed[LOOK])] if LOOK in deployed else [])]


async def register(client: PrefectClient, work_pool: str = "local") -> list[str]:
    """Create or renew every Automation whose flow is deployed to that work pool; names of those registered."""
    found = [item for item in await client.read_deployments() if item.work_pool_name == work_pool]
    deployed = {(await client.read_flow(item.flow_id)).name: str(item.id) for item in found}
    wanted = wanted_automations(deployed)
    for automation in wanted:
        await renew(client, automation)
    return [automation.name for automation in wanted]


async def renew(client: PrefectClient, wanted: AutomationCore) -> None:
    """One that is as wanted stays, with what it remembers of recent events; anything else makes room."""
    old = await client.read_automations_by_name(wanted.name)
    if len(old) == 1 and _content(old[0]) == _content(wanted):
        return
    for each in old:
        await client.delete_automation(each.id)
    await client.create_automation(wanted)


def _content(automation: AutomationCore | Automation) -> dict[str, object]:
    fields = {"name", "description", "enabled", "trigger", "actions"}
    content: dict[str, object] = automation.model_dump(mode="json", include=fields)
    trigger = content["trigger"]
    assert isinstance(trigger, dict)
    # Sets come in any order, and the server gives each trigger an id.
    content["trigger"] = {name: sorted(v) if isinstance(v, list) else v for name, v in trigger.items() if name != "id"}
    return content


def _run(deployment_id: str, template: str) -> RunDeployment:
    return RunDeployment(
        source="selected",
        deployment_id=deployment_id,
        parameters={"params": {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": template}}},
    )


async def main() -> None:
    """Register all Automations at the server that PREFECT_API_URL names."""
    async with get_client() as client:
        for name in await register(client):
            print(name)


if __name__ == "__main__":
    asyncio.run(main())
