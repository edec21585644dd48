"""Deployments as `prefect.yaml` states them: read strictly, registered through one client in one process."""

import difflib
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.schedules import construct_schedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_code.errors import ConfigurationError

PREFECT_YAML = Path(__file__).parent.parent / "prefect.yaml"


class Strict(BaseModel):
    """Frozen; an unknown key is an error, where Prefect itself would ignore it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ScheduleItem(Strict):
    """When runs are created: one of `cron` and `interval` (seconds)."""

    cron: str | None = None
    interval: timedelta | None = None
    timezone: str | None = None
    anchor_date: str | None = None
    active: bool = True
    parameters: dict[str, Any] = {}
    slug: str | None = None


class Concurrency(Strict):
    """How many runs at once, and what becomes of one more."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"
    grace_period_seconds: int | None = None


class WorkPool(Strict):
    """Where runs go."""

    name: str
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = {}


class Deployment(Strict):
    """One entry of `deployments`; the keys are Prefect's."""

    name: str
    entrypoint: str = Field(pattern=r"^\S+:\w+$", description="FILE:FUNCTION, relative to the repository.")
    description: str | None = None
    version: str | None = None
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    enforce_parameter_schema: bool = True
    schedules: tuple[ScheduleItem, ...] = ()
    paused: bool = False
    concurrency_limit: int | Concurrency | None = None
    pull: list[dict[str, Any]] | None = Field(None, description="How a run gets its code. Default: the file's own `pull`.")
    path: str = Field(".", description="Folder with the code where it runs; an image has it in one of its own.")
    work_pool: WorkPool


class PrefectYaml(Strict):
    """`prefect.yaml`. `definitions` holds anchors; null steps mean that the code is where the worker is."""

    name: str | None = None
    prefect_version: str | None = Field(None, alias="prefect-version")
    definitions: dict[str, Any] | None = None
    build: list[dict[str, Any]] | None = None
    push: list[dict[str, Any]] | None = None
    pull: list[dict[str, Any]] | None = None
    deployments: tuple[Deployment, ...] = ()


def load(path: Path = PREFECT_YAML) -> PrefectYaml:
    """The deployments of a file.

    Raises:
        ConfigurationError: Not YAML, a misspelt key (the right one is suggested), a wrong value.
    """
    try:
        return PrefectYaml.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}", hint="it must be YAML") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path}: " + "; ".join(_explain(item) for item in error.errors())) from error


async def deploy_all(client: PrefectClient, *, work_pool: str = "local", path: Path = PREFECT_YAML) -> list[str]:
    """Create or renew every deployment of that work pool; names as FLOW/DEPLOYMENT.

    Raises:
        ConfigurationError: See `load`; or an entrypoint that cannot be loaded.
    """
    stated = load(path)
    chosen = [entry for entry in stated.deployments if entry.work_pool.name == work_pool]
    return [await _deploy(client, entry, path.parent, entry.pull or stated.pull) for entry in chosen]


async def _deploy(client: PrefectClient, entry: Deployment, root: Path, pull: list[dict[str, Any]] | None) -> str:
    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(str(root / entry.entrypoint), use_placeholder_flow=False)
    except Exception as error:
        raise ConfigurationError(f"deployment {entry.name}: {entry.entrypoint}: {error}", hint="see prefect.yaml") from error
    limit = entry.concurrency_limit
    bounds = limit if isinstance(limit, Concurrency) else Concurrency(limit=limit) if limit else None
    await client.create_deployment(
        flow_id=await client.create_flow(flow),
        name=entry.name,
        entrypoint=entry.entrypoint,
        path=entry.path,
        description=entry.description or flow.description,
        version=entry.version,
        tags=list(entry.tags),
        parameters=entry.parameters,
        parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
        enforce_parameter_schema=entry.enforce_parameter_schema,
        schedules=[_schedule(item) for item in entry.schedules],
        paused=entry.paused,
        concurrency_limit=bounds.limit if bounds else None,
        concurrency_options=ConcurrencyOptions(**bounds.model_dump(exclude={"limit"})) if bounds else None,
        work_pool_name=entry.work_pool.name,
        work_queue_name=entry.work_pool.work_queue_name,
        job_variables=entry.work_pool.job_variables,
        pull_steps=pull,
    )
    return f"{flow.name}/{entry.name}"


def _schedule(item: ScheduleItem) -> DeploymentScheduleCreate:
    schedule = construct_schedule(cron=item.cron, interval=item.interval, timezone=item.timezone, anchor_date=item.anchor_date)
    return DeploymentScheduleCreate(schedule=schedule, active=item.active, parameters=item.parameters, slug=item.slug)


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "top level"
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg']}"
    known = {field.alias or name for cls in Strict.__subclasses__() for name, field in cls.model_fields.items()}
    close = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
    return f"{where}: unknown key" + (f", did you mean {close[0]!r}?" if close else "")
