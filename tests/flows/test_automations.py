"""Automations at a real server: each once, left alone while it is as wanted, made anew when it is not."""

import asyncio

from prefect.client.orchestration import PrefectClient

from flows.automations import alert_automation, register, wanted_automations
from flows.deployments import deploy_all
from flows.stack import LocalStack

FLOWS = ("rollback", "retrain", "act")


async def ids(client: PrefectClient, names: list[str]) -> dict[str, list[str]]:
    """Of the automations of each name."""
    return {name: [str(found.id) for found in await client.read_automations_by_name(name)] for name in names}


def test_register__again_changes_nothing_but_what_differs(local_stack: LocalStack, prefect_api: str) -> None:
    async def look() -> None:
        async with PrefectClient(api=prefect_api) as client:
            await deploy_all(client)
            names = await register(client)
            first = await ids(client, names)
            assert await register(client) == names
            again = await ids(client, names)
            act = await client.read_deployment_by_name("act/local")
            changed = alert_automation(str(act.id)).model_copy(update={"description": "something else"})
            await client.delete_automation((await client.read_automations_by_name(changed.name))[0].id)
            await client.create_automation(changed)
            await register(client)
            renewed = await client.read_automations_by_name(changed.name)

            assert {len(found) for found in first.values()} == {1}
            assert again == first
            assert [each.description for each in renewed] == [alert_automation(str(act.id)).description]

    asyncio.run(look())


def test_wanted_automations__are_those_of_deployed_flows() -> None:
    some = "0c5ec0de-0000-4000-8000-000000000000"

    assert [each.name for each in wanted_automations({"act": some})] == ["evenkeel: alert starts a look"]
    assert len(wanted_automations(dict.fromkeys((*FLOWS, "recalibrate"), some))) == 4
    assert wanted_automations({"refresh": some}) == []
