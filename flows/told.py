"""What every flow tells: when it last succeeded, failed or crashed is exported, and its log lines of every logger name its run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.flows import FlowStateHook

import flows.results  # noqa: F401 - the block must be known where a run starts
from model_code import logs, sql
from model_code.settings import Settings
from monitoring.gauges import GaugeStore


class Hooks(TypedDict):
    """As `flow` takes them."""

    on_completion: list[FlowStateHook[..., Any]]
    on_failure: list[FlowStateHook[..., Any]]
    on_crashed: list[FlowStateHook[..., Any]]


def succeeded(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Keep that the flow succeeded for its use case; a run without one tells nothing."""
    _record(flow.name, flow_run, failed=False)


def failed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Keep that the flow failed or crashed."""
    _record(flow.name, flow_run, failed=True)


def _record(name: str, run: FlowRun, *, failed: bool) -> None:
    usecase = _usecase(run)
    if usecase is None:
        return
    engine = sql.engine(Settings.load().sql)
    try:
        gauges = GaugeStore(engine)
        (gauges.record_failure if failed else gauges.record_success)(usecase, name, datetime.now(UTC))
    finally:
        engine.dispose()


def _usecase(run: FlowRun) -> str | None:
    params = run.parameters.get("params")
    found = params.get("usecase") if isinstance(params, dict) else getattr(params, "usecase", None)
    return found if isinstance(found, str) and found else None


def run_fields() -> Mapping[str, str]:
    """The run that a log line belongs to; nothing outside of one. Prefect itself tells it of its own loggers alone."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return {}
    name = {"flow": context.flow.name} if context.flow is not None else {}
    return {"run_id": str(context.flow_run.id), **name}


logs.ask(run_fields)
TOLD = Hooks(on_completion=[succeeded], on_failure=[failed], on_crashed=[failed])
