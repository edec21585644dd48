"""The chart `platform` as it is installed, with a PostgreSQL of its own: reached through the ingress, upgraded, looked into."""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import yaml

from services.rollout.cluster.values import merged
from tests.chart.rendering import HELM
from tests.e2e.cluster import INGRESS, Cluster, until
from tests.e2e.stage import POSTGRESQL

CHART = HELM / "platform"
HOSTS = ("prefect", "mlflow", "reports")


class Platform:
    """A release of the platform.

    Args:
        cluster: Its namespace.
        image: The platform's `repository:tag`; loaded already, as is PostgreSQL's.

    Attributes:
        chart: A folder or a package, from the next upgrade on.
        site: Values beside those of a small installation, likewise.
    """

    name = "platform"

    def __init__(self, cluster: Cluster, image: str) -> None:
        self.cluster, self.image = cluster, image
        self.chart: Path = CHART
        self.site: dict[str, Any] = {}
        self.password, self.token = (secrets.token_urlsafe(24) for _ in range(2))

    def install(self) -> None:
        """Secrets first, then the release; returns when everything is ready and registered."""
        at = f"evenkeel:{self.password}@{self.name}-postgresql:5432"
        self.cluster.secret("postgresql", {"password": self.password})
        self.cluster.secret("sql", {"EVENKEEL_SQL_URL": f"postgresql://{at}/evenkeel"})
        self.cluster.secret("prefect", {"url": f"postgresql+asyncpg://{at}/prefect"})
        self.cluster.secret("mlflow", {"url": f"postgresql+psycopg://{at}/mlflow"})
        self.cluster.secret("bridge", {"token": self.token})
        self.upgrade("--install")

    def upgrade(self, *options: str) -> None:
        """Bring the release to the chart's state, and wait for it."""
        command = ["upgrade", self.name, str(self.chart), *options, "--wait", "--timeout", "600s", "--values", "-"]
        self.cluster.helm(*command, given=yaml.safe_dump(self.values()))

    def values(self) -> dict[str, Any]:
        """Everything in a volume, PostgreSQL in a pod."""
        repository, tag = self.image.rsplit(":", 1)
        small = {
            "image": {"repository": repository, "tag": tag},
            "secrets": {"sql": "sql"},
            "data": {"claim": {"enabled": True, "size": "1Gi"}},
            "prefect": {"database": {"secret": "prefect"}, "ingress": {"host": self.host("prefect")}},
            "mlflow": {"database": {"secret": "mlflow"}, "ingress": {"host": self.host("mlflow")}},
            "reports": {"claim": {"size": "1Gi"}, "ingress": {"host": self.host("reports")}},
            "bridge": {"token": {"secret": "bridge"}},
            "postgresql": {"enabled": True, "image": POSTGRESQL, "password": {"secret": "postgresql"}, "claim": {"size": "1Gi"}},
            "ingress": {"className": "traefik"},
            "monitoring": {"scrapeSeconds": 5},
        }
        return merged(small, self.site)

    def host(self, part: str) -> str:
        """Name of a part at the ingress."""
        return f"{part}.{self.cluster.namespace}.example.test"

    def ask(self, part: str, path: str, **given: Any) -> httpx.Response:
        """A part, through the ingress; POST where there is a body."""
        method = "POST" if "json" in given else "GET"
        return httpx.request(method, f"{INGRESS}{path}", headers={"host": self.host(part)}, timeout=30, **given)

    def await_ingress(self) -> None:
        """Return when the ingress knows every part."""
        for part in HOSTS:
            until(lambda part=part: self.ask(part, "/").status_code == 200, f"an answer of {part}")  # type: ignore[misc]

    def pods(self) -> dict[str, dict[str, Any]]:
        """Component -> pod, of those that stay."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component notin (registration,test)"
        found = json.loads(self.cluster.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
        lasting = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        named = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in lasting}
        assert len(named) == len(lasting), "more than one pod of a part"
        return named

    def python(self, part: str, code: str) -> str:
        """What a Python program prints in the pod of a part."""
        return self.cluster.python(self.pods()[part]["metadata"]["name"], code)

    def may(self, account: str, verb: str, resource: str) -> bool:
        """Whether a ServiceAccount may do something in this namespace."""
        subject = f"system:serviceaccount:{self.cluster.namespace}:{self.name}{account}"
        shown = self.cluster.kubectl("auth", "can-i", "--list", f"--as={subject}", "--no-headers")
        rows = [line.split() for line in shown.splitlines()]
        return any(row[0] == resource and verb in " ".join(row).rpartition("[")[2] for row in rows if row)
