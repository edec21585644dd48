"""When a flow succeeded or failed is exported, run by a real Prefect server; every flow has the hooks."""

import importlib
import json
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow, flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import BaseModel

from flows.told import TOLD, failed, succeeded
from model_code import logs, sql
from model_code.settings import Settings
from monitoring.gauges import GaugeStore

LOG = logging.getLogger("evenkeel.notify")
FLOWS = sorted(path.stem for path in (Path(__file__).parents[2] / "flows").glob("*.py") if path.stem != "__init__")


class Wanted(BaseModel):
    usecase: str
    fails: bool = False


@flow(name="probe", **TOLD)
def probe(params: Wanted) -> str:
    if params.fails:
        raise ValueError("as it was asked to")
    return "done"


@flow(name="probe", **TOLD)
def without_usecase() -> str:
    return "done"


def recorded() -> dict[tuple[str, str], float]:
    engine = sql.engine(Settings.load().sql)
    found = {(gauge.name.split("_")[3], gauge.usecase): gauge.value for gauge in GaugeStore(engine).read()}
    engine.dispose()
    return found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))


def test_told__success_and_failure_of_a_run_are_kept(prefect_api: str) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        probe(Wanted(usecase="demand"))
        with pytest.raises(ValueError, match="asked to"):
            probe(Wanted(usecase="other", fails=True))
        without_usecase()
    assert recorded().keys() == {("success", "demand"), ("failure", "other")}


@flow(name="inner", **TOLD)
def inner() -> str:
    LOG.warning("inner")
    return str(flow_run.id)


@flow(name="outer", **TOLD)
def outer() -> dict[str, str]:
    LOG.warning("before")
    told = {"inner": inner()}
    LOG.warning("after")
    return told | {"outer": str(flow_run.id)}


def test_told__lines_of_every_logger_name_the_run_that_they_belong_to(prefect_api: str) -> None:
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonFormatter())
    LOG.addHandler(handler)
    try:
        with temporary_settings({PREFECT_API_URL: prefect_api}):
            ids = outer()
        LOG.warning("outside")
    finally:
        LOG.removeHandler(handler)

    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line["message"], line.get("flow"), line.get("run_id")) for line in lines] == [
        ("before", "outer", ids["outer"]),
        ("inner", "inner", ids["inner"]),
        ("after", "outer", ids["outer"]),
        ("outside", None, None),
    ]


def flows_of(name: str) -> list[Flow[..., Any]]:
    module = importlib.import_module(f"flows.{name}")
    return [each for each in vars(module).values() if isinstance(each, Flow) and each.fn.__module__ == module.__name__]


@pytest.mark.parametrize("name", FLOWS)
def test_flows__all_are_watched(name: str) -> None:
    for each in flows_of(name):
        assert succeeded in each.on_completion_hooks, f"@flow(…, **TOLD) of flows/{name}.py"
        assert failed in each.on_failure_hooks
        assert failed in each.on_crashed_hooks
