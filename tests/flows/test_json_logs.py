"""The whole local stack with JSON logs: every line of every part is one object, and tells the run, use case and version it is of."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.stack import LocalStack
from model_code.installation import Installation
from services.client import ForecastClient
from tests.conftest import free_port
from tests.flows.running import Runs
from tests.flows.small import NAME, PEOPLE, PRESENT, Stages
from tests.services.lost_table import lost_table

pytestmark = pytest.mark.full
PORTS = ("prefect", "mlflow", "exporter", "bridge", "reports", "prometheus", "alertmanager", "service")


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Installation:
    copied = stages.copy("promoted", tmp_path / "home")
    changed = {f"{name}_port": free_port() for name in PORTS}
    nobody = f"json://127.0.0.1:{free_port()}/"  # the notifier has something to say
    settings = copied.settings.model_copy(update={"log_format": "json", "scrape_seconds": 2.0, "notify_urls": nobody, **changed})
    return Installation(copied.usecase, settings)


@pytest.fixture
def stack(place: Installation) -> Iterator[LocalStack]:
    made = LocalStack(place.settings)
    yield made
    made.down()


def lines_of(stack: LocalStack) -> dict[str, list[dict[str, object]]]:
    """Part -> its lines, each of which must be an object."""
    found: dict[str, list[dict[str, object]]] = {}
    for part in stack.status():
        for line in Path(part.log).read_text().splitlines():
            told = json.loads(line)
            assert isinstance(told, dict), f"{part.name}: {line}"
            found.setdefault(part.name, []).append(told)
    return found


@pytest.mark.timeout(1800)
def test_stack__with_json_logs_writes_nothing_else(stack: LocalStack, place: Installation) -> None:
    api = f"http://{place.settings.host}:{place.settings.prefect_port}/api"
    stack.up()
    with SyncPrefectClient(api=api) as client:
        runs = Runs(client, stack)
        good = runs.complete("refresh", place, now=PRESENT.isoformat())
        unheard = runs.complete("rollback", place, **PEOPLE)
        bad = runs.end(runs.start("rollback", place, force=True))  # without a reason
    address = f"http://{place.settings.host}:{place.settings.service_port}"
    with ForecastClient(address) as asked, lost_table(place):  # a warning about this request, which is answered all the same
        asked.forecast(entity="north", origin=PRESENT.replace(minute=0), request_id="asked-once")

    stack.down()

    assert good.state.is_completed()
    assert bad.state.is_failed()
    told = lines_of(stack)
    assert {"prefect", "worker", "mlflow", "bridge", "service"} <= told.keys()
    of_runs = {str(line.get("run_id")): line for line in told["worker"] if line.get("usecase") == NAME}
    assert {str(good.id), str(bad.id)} <= of_runs.keys()
    unsent = [line for line in told["worker"] if line["logger"] == "evenkeel.notify"]
    assert {(line["run_id"], line["flow"], line["usecase"], line["version"]) for line in unsent} == {
        (str(unheard.id), "rollback", NAME, "1")
    }
    assert any("a forced rollback needs a reason" in str(line.get("error")) for line in told["worker"])
    assert any(line.get("usecase") == NAME and line.get("version") == "2" for line in told["service"])
    about = [line for line in told["service"] if line.get("request_id") == "asked-once"]
    assert ["could not be looked up" in str(line["message"]) for line in about] == [True]
    for part, lines in told.items():
        if part not in ("prometheus", "alertmanager"):
            assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines), part
