"""From an alert to the rollback: bridge, event, Automation and run through a real Prefect server; one action, whatever dies."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.automations import AutomationCore
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter

from flows.automations import ACTIONS, LOOK, wanted_automations
from flows.monitor import told
from flows.stack import LocalStack
from flows.stack.parts import REPOSITORY
from model_code.installation import Installation
from monitoring import judgement
from monitoring.alert_bridge.incidents import Incidents
from monitoring.gauges import GaugeStore
from tests.bridge_process import BridgeProcess, alert
from tests.conftest import free_port
from tests.flows.bad_release import released_badly, released_badly_to_each
from tests.flows.running import Runs, completed
from tests.flows.small import NAME, Stages, champion_of
from tests.flows.test_outages import kill_server
from tests.monitoring.watching import Watchers, eventually, require_programs
from tests.waiting import until

OTHER = "EvenkeelBadOrigins"
BREACH = "EvenkeelLossRatioBreach"
FIRING = f'ALERTS{{alertname="{BREACH}",usecase="{NAME}",alertstate="firing"}}'
pytestmark = pytest.mark.timeout(300)  # the first one starts the stack


@pytest.fixture(scope="module")
def badly_released(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("badly") / "home"
    released_badly(stages, home).sql.dispose()
    setattr(stages, "badly_released", home)  # noqa: B010  # a stage like the others, which only these tests need
    return home


@pytest.fixture(scope="module")
def badly_released_to_each(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("each") / "home"
    released_badly_to_each(stages, home).sql.dispose()
    setattr(stages, "badly_released_to_each", home)  # noqa: B010
    return home


@pytest.fixture
def place(
    badly_released: Path,
    badly_released_to_each: Path,
    stages: Stages,
    runs: Runs,
    prefect_api: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Installation]:
    """Its champion is a bad release, unless a stage is named. The server's automations start runs for it, as they would on its own stack."""
    copied = stages.copy(getattr(request, "param", "badly_released"), tmp_path / "home")
    ports = {f"{part}_port": free_port() for part in ("bridge", "exporter", "prometheus", "alertmanager")}
    made = Installation.open(NAME, copied.settings.model_copy(update={**ports, "scrape_seconds": 1.0}))
    runs.wait_for_processes()
    asyncio.run(automate(prefect_api, made))
    yield made
    asyncio.run(automate(prefect_api, None))
    runs.wait_for_processes()
    made.sql.dispose()


async def automate(prefect_api: str, place: Installation | None) -> None:
    """The automations that Evenkeel registers, with the settings of this installation; no others of ours are left."""
    async with PrefectClient(api=prefect_api) as client:
        deployed = {
            flow: str((await client.read_deployment_by_name(f"{flow}/local")).id) for flow in ("rollback", "retrain", LOOK)
        }
        for automation in wanted_automations(deployed):
            for old in await client.read_automations_by_name(automation.name):
                await client.delete_automation(old.id)
            if place is not None:
                await client.create_automation(within(automation, place))


def within(automation: AutomationCore, place: Installation) -> AutomationCore:
    """The same, with runs in the settings of that installation."""
    (action,) = automation.actions
    variables = {"working_dir": str(REPOSITORY), "env": place.settings.environment()}
    return automation.model_copy(update={"actions": [action.model_copy(update={"job_variables": variables})]})


def runs_of(runs: Runs, place: Installation) -> dict[str, list[FlowRun]]:
    """Runs that may act on that installation, by flow."""
    found: dict[str, list[FlowRun]] = {}
    for flow in (*ACTIONS[:2], LOOK):
        deployment = runs.client.read_deployment_by_name(f"{flow}/local").id
        every = [run for run in runs.client.read_flow_runs(limit=100) if run.deployment_id == deployment]
        found[flow] = [run for run in every if run.job_variables.get("env", {}).get("EVENKEEL_HOME") == str(place.settings.home)]
    return found


def ended(runs: Runs, place: Installation) -> list[FlowRun]:
    """Every such run, once there is one and each has ended well."""
    every = until(lambda: [run for each in runs_of(runs, place).values() for run in each], 0.2)
    return [completed(runs.end(run)) for run in every]


def events(prefect_api: str, since: datetime) -> list[str]:
    """Names of the bridge's events that the server knows."""

    async def ask() -> list[str]:
        async with PrefectClient(api=prefect_api) as client:
            wanted = EventFilter(event=EventNameFilter(prefix=["evenkeel.alert."]), occurred=EventOccurredFilter(since=since))
            return sorted(event.event for event in (await client.read_events(wanted, limit=50)).events)

    return asyncio.run(ask())


def rollbacks(place: Installation) -> list[tuple[str, str | None, str | None]]:
    """Those that were done: who, from which version, to which."""
    entries = [entry for entry in place.ledger.entries(NAME) if entry.action == "rollback" and entry.phase == "done"]
    return [(entry.actor, entry.from_version, entry.to_version) for entry in entries]


def rollbacks_of(place: Installation) -> list[tuple[str, ...]]:
    """Whom each of those that were done is about."""
    return [entry.scope for entry in place.ledger.entries(NAME) if entry.action == "rollback" and entry.phase == "done"]


def all_looked_at(place: Installation) -> bool:
    found = Incidents(place.sql).all()
    return bool(found) and all(each.looked_at is not None and each.due_at is None for each in found)


def test_bridge__the_same_alert_twenty_times_and_another_are_two_events_and_one_rollback(
    runs: Runs, place: Installation, prefect_api: str
) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    with BridgeProcess(place.settings, prefect_api) as bridge:
        first = bridge.post(alert(NAME), alert(NAME, OTHER))
        again = [bridge.post(alert(NAME)) for _ in range(20)]

        until(lambda: all_looked_at(place), 0.2)
        ends = ended(runs, place)

    assert (first.status_code, first.json()) == (202, {"new": 2, "known": 0, "ended": 0})
    assert {(answer.status_code, answer.json()["known"]) for answer in again} == {(202, 1)}
    assert rollbacks(place) == [("alertmanager", "2", "1")]
    assert place.registry.version_of(NAME, "champion") == "1"
    until(lambda: len(events(prefect_api, since)) >= 2, 0.5)
    assert events(prefect_api, since) == [f"evenkeel.alert.{OTHER}", "evenkeel.alert.EvenkeelLossRatioBreach"]
    assert len(ends) == 1


def test_bridge__an_alert_about_what_the_monitor_acts_on_starts_no_second_run(
    runs: Runs, place: Installation, prefect_api: str
) -> None:
    with BridgeProcess(place.settings, prefect_api) as bridge:
        monitored = runs.start("monitor", place)
        until(lambda: verdict_noted(place), 0.05)
        bridge.post(alert(NAME))

        until(lambda: all_looked_at(place), 0.2)
        completed(runs.end(monitored))
        ends = ended(runs, place)

    assert rollbacks(place) == [("evenkeel", "2", "1")]
    assert len(ends) == 1
    assert [each.looked_by for each in Incidents(place.sql).all()] == ["the policy's own action"]


@pytest.mark.parametrize("place", ["badly_released_to_each"], indirect=True)
def test_act__of_two_breaches_with_different_ends_carries_out_both_in_one_run(
    runs: Runs, place: Installation, prefect_api: str
) -> None:
    with BridgeProcess(place.settings, prefect_api) as bridge:
        bridge.post(alert(NAME, series="north"), alert(NAME, series="south"))
        until(lambda: all_looked_at(place), 0.2)
        (run,) = ended(runs, place)

    assert sorted(rollbacks_of(place)) == [("north",), ("south",)]
    champion = champion_of(place)
    assert {name: champion.part_of(name).hash for name in ("north", "south")} == {
        name: place.registry.bundle_of(NAME, version) for name, version in (("north", "1"), ("south", "2"))
    }
    assert {each.looked_by for each in Incidents(place.sql).all()} == {f"flow run {run.id}"}


@pytest.mark.full
@pytest.mark.parametrize("place", ["badly_released_to_each"], indirect=True)
def test_act__after_the_monitors_own_rollback_of_one_place_carries_out_that_of_the_other(
    runs: Runs, place: Installation, prefect_api: str
) -> None:
    runs.complete("rollback", place, reason="the monitor's verdict")
    (first,) = rollbacks_of(place)
    ((other,),) = [{"north", "south"} - set(first)]
    with BridgeProcess(place.settings, prefect_api) as bridge:
        bridge.post(alert(NAME, series=first[0]), alert(NAME, series=other))
        until(lambda: all_looked_at(place), 0.2)
        ended(runs, place)

    looked_by = {each.series: str(each.looked_by).partition(" run ")[0] for each in Incidents(place.sql).all()}
    assert looked_by == {first[0]: "the policy's own action", other: "flow"}
    assert rollbacks_of(place) == [first, (other,)]


@pytest.mark.parametrize(
    ("place", "told"),
    [("promoted", "alert EvenkeelLossRatioBreach, event "), pytest.param("refreshed", None, marks=pytest.mark.full)],
    indirect=["place"],
)
def test_act__where_nothing_is_to_be_done_holds_and_says_why(
    runs: Runs, place: Installation, prefect_api: str, told: str | None
) -> None:
    before = len(place.ledger.entries(NAME))
    with BridgeProcess(place.settings, prefect_api) as bridge:
        bridge.post(alert(NAME))
        until(lambda: all_looked_at(place), 0.2)
        (run,) = ended(runs, place)

    notes = place.ledger.entries(NAME)[before:]
    assert [(note.action, note.actor) for note in notes] == ([("verdict", "alertmanager")] if told else [])
    assert all(note.reason.startswith(str(told)) for note in notes)
    assert Incidents(place.sql).all()[0].looked_by == f"flow run {run.id}"


@pytest.mark.full
def test_bridge__killed_between_receipt_and_sending_loses_nothing(runs: Runs, place: Installation, prefect_api: str) -> None:
    with BridgeProcess(place.settings, f"http://127.0.0.1:{free_port()}/api") as bridge:  # no Prefect there
        assert bridge.post(alert(NAME)).status_code == 202
        bridge.kill()
    assert runs_of(runs, place)[LOOK] == []

    with BridgeProcess(place.settings, prefect_api):
        until(lambda: all_looked_at(place), 0.2)
        ends = ended(runs, place)

    assert rollbacks(place) == [("alertmanager", "2", "1")]
    assert len(ends) == 1


@pytest.mark.full
def test_act__killed_within_the_rollback_is_asked_again_and_ends_as_one(
    runs: Runs, place: Installation, prefect_api: str
) -> None:
    with BridgeProcess(place.settings, prefect_api) as bridge:
        bridge.post(alert(NAME))
        run = until(lambda: runs_of(runs, place)[LOOK], 0.1)[0]
        crashed = runs.kill(run, lambda: any(entry.action == "rollback" for entry in place.ledger.entries(NAME)))

        until(lambda: all_looked_at(place), 0.2)

    assert crashed.state is not None
    assert crashed.state.is_crashed()
    assert rollbacks(place) == [("alertmanager", "2", "1")]
    assert place.registry.version_of(NAME, "champion") == "1"


@pytest.mark.full
def test_bridge__prefect_restarted_between_event_and_run_ends_in_one_rollback(
    runs: Runs, place: Installation, prefect_api: str, local_stack: LocalStack
) -> None:
    with BridgeProcess(place.settings, prefect_api) as bridge:
        bridge.post(alert(NAME))
        until(lambda: Incidents(place.sql).all()[0].sent == 1)
        kill_server(local_stack)
        local_stack.up(["prefect"])  # with its automations, which `up` of all would register anew, for the stack's own home

        until(lambda: all_looked_at(place), 0.2)
        ended(runs, place)

    assert rollbacks(place) == [("alertmanager", "2", "1")]


@pytest.mark.full
@pytest.mark.timeout(600)
def test_bridge__a_breach_while_alertmanager_is_away_ends_in_one_rollback(
    runs: Runs, place: Installation, prefect_api: str
) -> None:
    """The whole chain but for the monitor's own event: gauges, exporter, Prometheus, Alertmanager, bridge, Prefect, flow."""
    require_programs()
    with closing(Watchers(place.settings)) as watchers, BridgeProcess(place.settings, prefect_api):
        watchers.start_all()
        eventually(lambda: len(watchers.query("up{job=~'.*(exporter|bridge).*'} == 1")) == 2, "a scrape of exporter and bridge")
        eventually(lambda: watchers.firing("EvenkeelWatchdog"), "an alert at Alertmanager")
        watchers.kill("alertmanager")

        breach(place)
        eventually(lambda: watchers.query(FIRING), "the rule, with nobody to tell")
        assert not any(each.alertname == BREACH for each in Incidents(place.sql).all())
        watchers.start_alertmanager()

        eventually(lambda: BREACH in alerts_of(place, looked_at=True), "the look that the alert asks for")
        eventually(lambda: alerts_of(place, looked_at=False) == set(), "the look of every other alert about the use case")
        ended(runs, place)

        eventually(lambda: watchers.firing(BREACH), "the same alert still: the gauges are those of before")
        assert rollbacks(place) == [("alertmanager", "2", "1")]
    assert place.registry.version_of(NAME, "champion") == "1"


def breach(place: Installation) -> None:
    """The gauges of a monitor run that then died: what the policy saw, and that it wants to roll back."""
    now = place.present(None)
    seen = judgement.look(place, now)
    assert seen.verdict.action == "rollback"
    gauges = GaugeStore(place.sql)
    gauges.write(NAME, told(place, seen, now.to_pydatetime()), datetime.now(UTC))
    gauges.record_success(NAME, "monitor", datetime.now(UTC))


def alerts_of(place: Installation, *, looked_at: bool) -> set[str]:
    """Alerts about the use case that were looked at, or were not yet."""
    found = [each for each in Incidents(place.sql).all() if each.usecase == NAME]
    return {each.alertname for each in found if (each.looked_at is not None) == looked_at}


def verdict_noted(place: Installation) -> bool:
    return any(entry.action == "verdict" for entry in place.ledger.entries(NAME))
