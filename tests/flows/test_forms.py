"""Forms, results and artifacts of the deployments, as the server stores them."""

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import PrefectHTTPStatusError

from flows.deployments import load
from model_code.installation import Installation
from model_code.settings import Settings
from tests.flows.running import Runs
from tests.flows.small import Stages

BOUNDS = ({"enum"}, {"pattern"}, {"maxLength"}, {"minimum", "maximum"}, {"format"})
FLOWS = [entry.entrypoint.partition(":")[2] for entry in load().deployments if entry.work_pool.name == "local"]


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Installation:
    return stages.copy("empty", tmp_path / "home")


def fields(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every field of the form that is `params`."""
    (model,) = schema["definitions"].values()
    found: dict[str, dict[str, Any]] = model["properties"]
    return found


def bounded(field: dict[str, Any]) -> bool:
    """Whether not every value of its type is allowed; a yes or no needs no bounds."""
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    return all(kind["type"] == "boolean" or any(bound <= set(kind) for bound in BOUNDS) for kind in kinds)


@pytest.mark.parametrize("flow", FLOWS)
def test_form__explains_and_bounds_every_field(runs: Runs, flow: str) -> None:
    deployment = runs.client.read_deployment_by_name(f"{flow}/local")

    asked = fields(deployment.parameter_openapi_schema)

    assert deployment.enforce_parameter_schema
    assert deployment.description
    assert {"usecase", "now"} <= set(asked)
    for name, field in asked.items():
        assert field["title"], name
        assert len(field["description"]) > len(field["title"]), name
        assert bounded(field), f"{name}: {field}"


@pytest.mark.parametrize(
    ("flow", "wrong", "said"),
    [
        ("search", {"trials": 0}, "0 is less than the minimum of 1"),
        ("search", {"trails": 5}, "'trails' was unexpected"),
        ("refresh", {"usecase": "../elsewhere"}, "'../elsewhere' does not match"),
        ("monitor", {"now": 5}, "5 is not valid under any of the given schemas"),
        ("backfill", {}, "'start' is a required property"),
        ("rollback", {"force": "perhaps"}, "'perhaps' is not of type 'boolean'"),
        ("promote", {"version": "latest"}, "'params.version'. Failure reason: 'latest' does not match"),
    ],
)
def test_form__refuses_a_wrong_value_before_anything_runs(
    runs: Runs, place: Installation, flow: str, wrong: dict[str, Any], said: str
) -> None:
    before = runs.client.read_flow_runs()

    with pytest.raises(PrefectHTTPStatusError) as caught:
        runs.start(flow, place, **wrong)

    assert said in caught.value.response.json()["detail"]
    assert len(runs.client.read_flow_runs()) == len(before)


def test_run__leaves_its_result_as_json_and_a_table_for_people(runs: Runs, place: Installation) -> None:
    run = runs.complete("refresh", place)

    (table,) = [artifact for artifact in runs.artifacts(run) if artifact.type == "table"]
    assert table.key == "small-load-refresh"
    assert [row["feed"] for row in json.loads(table.data)] == ["load", "plan"]
    assert run.state.data.serializer.type == "json"
    rows = json.loads(Path(run.state.data.storage_key).read_text())
    assert [(row["feed"], row["inserted"] > 0) for row in rows] == [("load", True), ("plan", True)]


def test_run__stores_a_failure_as_json_too(runs: Runs, place: Installation, stack_settings: Settings) -> None:
    failed = runs.end(runs.start("train", place))

    assert failed.state.is_failed()
    assert "no finished search run" in failed.state.message
    kept = [json.loads(path.read_text()) for path in (stack_settings.home / "prefect" / "storage").iterdir()]
    assert "model_code.errors.RegistryError" in {each.get("__exc_type__") for each in kept if isinstance(each, dict)}
