"""The whole loop in a cluster: the platform's chart, flow runs as Jobs, a model service that a flow deploys, and what is seen of it."""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_RETRY_EXTRA_CODES, temporary_settings

from flows.demo.scenario import USECASE
from model_code.data.world import World
from model_code.database import await_database
from model_code.installation import Installation
from model_code.settings import Settings
from tests.e2e import stage
from tests.e2e.cluster import INGRESS, Cluster, until

CHART = Path(__file__).parents[2] / "helm" / "platform"
RELEASE, MODEL = "loop", USECASE.replace("_", "-")
RUN_SECONDS = 600.0
MONITORING = "monitoring"  # namespace of the cluster's Prometheus
TO_PROMETHEUS = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": MONITORING}}}],
    "ports": [{"port": 9090}],
}
POOL, CARDS = "kubernetes", "gpu"  # names of deployments: of the work pool without cards, and of that with them


def patiently(holds: Callable[[], object], what: str, seconds: float = RUN_SECONDS) -> None:
    """As `until`, but asking a server only twice a second."""

    def asked() -> object:
        found = holds()
        if not found:
            time.sleep(0.5)
        return found

    until(asked, what, seconds)


@dataclass
class Looped:
    """A platform in a namespace, with nothing trained yet.

    Attributes:
        cluster: Its namespace; model services go there too.
        place: The same stores, ledger and registry, seen from this machine.
        key: A bearer key that model services know.
    """

    cluster: Cluster
    place: Installation
    key: str
    origin = "2014-07-02T00:00:00+10:00"  # that people ask for

    def run(self, flow: str, now: datetime | None = None, **params: Any) -> FlowRun:
        """Run a deployment as a Job and wait until it completed."""
        return self.completed(self.start(flow, now, **params))

    def start(self, flow: str, now: datetime | None = None, *, named: str = POOL, **params: Any) -> UUID:
        """Ask for a run of a deployment."""
        asked = {"usecase": USECASE, **({} if now is None else {"now": now.isoformat()}), **params}
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(f"{flow}/{named}")
            return client.create_flow_run_from_deployment(deployment.id, parameters={"params": asked}).id

    def completed(self, run: UUID) -> FlowRun:
        """Wait for the end of a run, which must be a good one."""
        patiently(lambda: self._ended(self.read(run)), f"the end of {run}")
        found = self.read(run)
        assert found.state is not None
        assert found.state.is_completed(), f"{found.name} ended {found.state.name}: {found.state.message}\n{self.log(run)}"
        return found

    def _ended(self, run: FlowRun) -> bool:
        """A first crash is none: the run is scheduled again."""
        return run.state is not None and run.state.is_final() and not (run.state.is_crashed() and run.run_count == 1)

    def read(self, run: UUID) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run)

    def is_running(self, run: UUID) -> bool:
        """Whether its flow has begun."""
        state = self.read(run).state
        assert state is not None
        assert not state.is_final(), f"{run} ended before it could be disturbed"
        return state.is_running()

    def states(self, run: UUID) -> list[str]:
        """Names of its states, the latest last."""
        with get_client(sync_client=True) as client:
            return [str(state.name) for state in client.read_flow_run_states(run)]

    def log(self, run: UUID) -> str:
        """The last lines that a run wrote."""
        with get_client(sync_client=True) as client:
            body = {"logs": {"flow_run_id": {"any_": [str(run)]}}, "sort": "TIMESTAMP_DESC", "limit": 40}
            lines = client.request("POST", "/logs/filter", json=body).json()
        return "\n".join(line["message"] for line in reversed(lines))

    def table(self, run: UUID) -> list[dict[str, Any]]:
        """The table that a run shows in the Prefect UI."""
        with get_client(sync_client=True) as client:
            shown = client.read_artifacts(
                artifact_filter=ArtifactFilter(
                    flow_run_id=ArtifactFilterFlowRunId(any_=[run]), type=ArtifactFilterType(any_=["table"])
                )
            )
        (found,) = shown
        rows: list[dict[str, Any]] = json.loads(str(found.data))
        return rows

    def started(self, flow: str, known: set[UUID]) -> FlowRun:
        """The run of a flow that nobody here asked for, once it completed.

        Args:
            flow: Its name.
            known: Runs of it that were there before.
        """
        patiently(lambda: self.runs(flow) - known, f"a {flow} run that an automation starts")
        (run,) = self.runs(flow) - known
        return self.completed(run)

    def runs(self, flow: str) -> set[UUID]:
        """Every run of a flow's deployment."""
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[POOL])),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            )
        return {each.id for each in found}

    def pods_of(self, run: UUID) -> list[dict[str, Any]]:
        """Pods of a flow run, those that are about to end too."""
        return self._items("pods", run)

    def jobs_of(self, run: UUID) -> list[dict[str, Any]]:
        return self._items("jobs", run)

    def served(self) -> str:
        """The bundle that answers through the ingress."""
        headers = {"host": self.host, "authorization": f"Bearer {self.key}"}
        answered = httpx.get(f"{INGRESS}/model", headers=headers, timeout=30)
        return str(answered.json()["bundle"]) if answered.status_code == 200 else ""

    def ask(self, request_id: str) -> httpx.Response:
        """A forecast through the ingress."""
        headers = {"host": self.host, "authorization": f"Bearer {self.key}"}
        asked = {"origin": self.origin, "request_id": request_id, "asked_by": "people"}
        return httpx.post(f"{INGRESS}/forecast", json=asked, headers=headers, timeout=60)

    @property
    def host(self) -> str:
        return f"{MODEL}.{self.cluster.namespace}.example.test"

    def _items(self, kind: str, run: UUID) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.cluster.kubectl("get", kind, "-l", f"prefect.io/flow-run-id={run}", "-o", "json")
        )["items"]
        return found


@contextmanager
def looped(cluster: Cluster, image: str, postgresql: str, world: World, mounts: Sequence[str] = ()) -> Iterator[Looped]:
    """Install the platform in the empty namespace of a cluster; images are there already.

    Args:
        cluster: Where to.
        image: The platform's `repository:tag`.
        postgresql: An image of PostgreSQL.
        world: What the embedded data set is like; flow runs find it mounted.
        mounts: Of flow runs, further ones.
    """
    with ExitStack() as opened:
        bucket = opened.enter_context(stage.bucket_beside(cluster))
        password, key = secrets.token_urlsafe(16), _secrets(cluster, bucket, world)
        _databases(cluster, password)
        values = yaml.safe_dump(_values(cluster, image, postgresql, bucket, mounts))
        cluster.helm("install", RELEASE, str(CHART), "--wait", "--timeout", "600s", "--values", "-", given=values)
        ports = {
            name: opened.enter_context(cluster.forwarded(f"service/{RELEASE}-{name}", port))
            for name, port in (("postgresql", 5432), ("mlflow", 5000), ("prefect", 4200))
        }
        patch = opened.enter_context(pytest.MonkeyPatch.context())
        for name, value in bucket.items():
            patch.setenv(name, value)
        home = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(
            home=home,
            sql_url=f"postgresql://evenkeel:{password}@127.0.0.1:{ports['postgresql']}/evenkeel",
            mlflow_url=f"http://127.0.0.1:{ports['mlflow']}",
            store_url="s3://evenkeel/store",
            bundles_url="s3://evenkeel/bundles",
        )
        server = {PREFECT_API_URL: f"http://127.0.0.1:{ports['prefect']}/api", PREFECT_CLIENT_RETRY_EXTRA_CODES: "500"}
        opened.enter_context(temporary_settings(server))  # a server whose database is busy is asked again
        await_database(settings.sql)  # the exporter would have made it
        place = Installation.open(USECASE, settings)
        try:
            yield Looped(cluster, place, key)
        finally:
            place.sql.dispose()


def _secrets(cluster: Cluster, bucket: dict[str, str], world: World) -> str:
    """What the charts refer to, but for the databases; a bearer key of model services."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        made = [sys.executable, "-m", "services.forecaster.keys", "new", "loop", "--file", str(keys)]
        key = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        cluster.secret("keys", {"keys": keys.read_text()})
    cluster.secret("runs", {"EVENKEEL_SERVICE_KEY": key})
    cluster.secret("buckets", bucket)
    cluster.kubectl("create", "configmap", "world", f"--from-literal=world.json={world.model_dump_json()}")
    return key


def _databases(cluster: Cluster, password: str) -> None:
    where = f"evenkeel:{password}@{RELEASE}-postgresql.{cluster.namespace}:5432"
    urls = {"prefect": f"postgresql+asyncpg://{where}/prefect", "mlflow": f"postgresql+psycopg://{where}/mlflow"}
    cluster.secret("databases", {"password": password, "url": f"postgresql://{where}/evenkeel", **urls})
    cluster.secret("sql", {"EVENKEEL_SQL_URL": f"postgresql://{where}/evenkeel"})


def _values(cluster: Cluster, image: str, postgresql: str, bucket: dict[str, str], mounts: Sequence[str]) -> dict[str, Any]:
    repository, tag = image.rsplit(":", 1)
    server = urlsplit(bucket["AWS_ENDPOINT_URL"])
    to_bucket = {"to": [{"ipBlock": {"cidr": f"{server.hostname}/32"}}], "ports": [{"port": server.port}]}
    return {
        "image": {"repository": repository, "tag": tag},
        "secrets": {"sql": "sql", "buckets": "buckets", "runs": ["runs"]},
        "settings": {
            "LOG_FORMAT": "text",
            "SERVICE_URL": f"http://{{usecase}}.{cluster.namespace}",
            "WORLD_FILE": "/etc/evenkeel/world/world.json",
            "REPORT_PAGES": "never",
            "USECASE_PATH": "/usecases",
            "PROMETHEUS_URL": f"http://prometheus.{MONITORING}:9090",
        },
        "store": {"url": "s3://evenkeel/store"},
        "bundles": {"url": "s3://evenkeel/bundles"},
        "results": {"url": "s3://evenkeel/results"},
        "prefect": {"database": {"secret": "databases", "key": "prefect"}},
        "workers": {"cpu": {"limit": 3}, "gpu": {"enabled": True}, "pollSeconds": 2},
        "runs": {"keepSeconds": 30, "mounts": ["configmap/world=/etc/evenkeel/world", *mounts]},
        "mlflow": {
            "database": {"secret": "databases", "key": "mlflow"},
            "artifacts": "s3://evenkeel/mlflow",
            "allowedHosts": ["127.0.0.1:*"],
        },
        "models": {"values": _model_values(cluster, to_bucket)},
        "postgresql": {"enabled": True, "image": postgresql, "password": {"secret": "databases"}},
        # The loop's story needs none of them; tests/e2e/test_platform.py has them all.
        "exporter": {"enabled": False},
        "bridge": {"enabled": False},
        "reports": {"enabled": False},
        "monitoring": {"resources": False},
        "grafana": {"dashboards": False},
        "networkPolicy": {"egress": [to_bucket], "runsEgress": [TO_PROMETHEUS]},
    }


def _model_values(cluster: Cluster, to_bucket: dict[str, Any]) -> dict[str, Any]:
    """The operator's half of helm/model-service."""
    database = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "postgresql"}}}
    return {
        "replicas": 1,
        "keys": {"secret": "keys"},
        "sql": {"secret": "databases", "key": "url"},
        "bundles": {"url": "s3://evenkeel/bundles"},
        "store": {"url": "s3://evenkeel/store"},
        "buckets": {"secret": "buckets"},
        "drainSeconds": 2,
        "startSeconds": 300,
        "ingress": {"enabled": True, "host": f"{{usecase}}.{cluster.namespace}.example.test"},
        "gateway": {
            "enabled": True,
            "name": "default",
            "namespace": "ingress",
            "hostnames": [f"{{usecase}}.gateway.{cluster.namespace}.example.test"],
        },
        "metrics": {"interval": "1s"},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "networkPolicy": {
            "judges": [{"namespace": cluster.namespace, "pods": {"app.kubernetes.io/component": "flow"}}],
            "egress": [{"to": [database], "ports": [{"port": 5432}]}, to_bucket],
        },
    }
