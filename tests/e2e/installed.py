"""The chart as it is installed: asked through the ingress, upgraded, rolled back, its pods looked into."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from model_code.installation import Installation
from services.build.image import Image
from services.build.release import Release
from tests.e2e.cluster import INGRESS, Cluster

CHART = Path(__file__).parents[2] / "helm" / "model-service"
USECASE = "tiny_e2e"


class Installed:
    """A Helm release of the model service.

    Args:
        cluster: Where it runs.
        place: The installation that it serves.
        releases: The two versions.
        images: An image of each.
        key: A bearer key that it knows.

    Attributes:
        host: By which the ingress knows it.
        annotations: Of its Services, from the next upgrade on.
    """

    name = "tiny"

    def __init__(self, cluster: Cluster, place: Installation, releases: list[Release], images: list[Image], key: str) -> None:
        self.cluster, self.place, self.releases, self.images, self.key = cluster, place, releases, images, key
        self.host = f"{cluster.namespace}.example.test"
        self.annotations: dict[str, str] = {}
        headers = {"host": self.host, "authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=INGRESS, headers=headers, timeout=10)

    def close(self) -> None:
        """Let its connections go."""
        self._client.close()

    def upgrade(self, number: int) -> None:
        """Bring the release to an image and wait until every pod is of it."""
        self.apply(self.values(number))
        self.cluster.rolled_out(self.name)

    def apply(self, values: dict[str, Any]) -> None:
        """Upgrade to these values; as the Helm target does, what an autoscaler or a test owned becomes the release's again."""
        command = ["upgrade", self.name, str(CHART), "--install", "--force-conflicts"]
        command += ["--wait", "--timeout", "180s", "--values", "-"]
        self.cluster.helm(*command, given=yaml.safe_dump(values))

    def values(self, number: int) -> dict[str, object]:
        """What the chart is given; with the second image, predictions are acknowledged by the store instead of a spool."""
        release, repository = self.releases[number], self.images[number].name.split(":")
        bucket = urlsplit(self.place_bucket)
        return {
            "image": {"repository": repository[0], "tag": repository[1]},
            "usecase": USECASE,
            "model": {"version": release.version, "bundle": release.bundle},
            "keys": {"secret": "keys", "key": "keys"},
            "sql": {"secret": "database", "key": "url"},
            "bundles": {"url": "s3://evenkeel/bundles"},
            "store": {"url": "s3://evenkeel/store"},
            "buckets": {"secret": "buckets"},
            "keep": {"mode": ("spool", "store")[number]},
            "service": {"annotations": self.annotations},
            "ingress": {"enabled": True, "className": "traefik", "host": self.host},
            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
            "networkPolicy": {
                "egress": [
                    {"to": [{"podSelector": {"matchLabels": {"app": "postgresql"}}}], "ports": [{"port": 5432}]},
                    {"to": [{"ipBlock": {"cidr": f"{bucket.hostname}/32"}}], "ports": [{"port": bucket.port}]},
                ]
            },
        }

    @property
    def place_bucket(self) -> str:
        """Address of the S3 server."""
        return os.environ["AWS_ENDPOINT_URL"]

    def ask(self, request_id: str, *, key: str | None = None) -> httpx.Response:
        """One row, through the ingress."""
        question = {"rows": [[60.0, 61.0]], "lead": [0], "request_id": request_id}
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return self._client.post("/predict", json=question, headers=headers)

    def forecast(self) -> httpx.Response:
        """A forecast of every entity, with features read from the bucket's tables."""
        return self._client.post("/forecast", json={})

    def model_of(self, pod: str) -> dict[str, object]:
        """What a pod itself says it serves."""
        code = (
            "import httpx; r = httpx.get('http://127.0.0.1:3000/model',"
            f" headers={{'authorization': 'Bearer {self.key}'}}); print(r.text)"
        )
        found: dict[str, object] = json.loads(self.cluster.python(pod, code))
        return found

    def pods(self) -> list[str]:
        """Names of its pods."""
        return [pod["metadata"]["name"] for pod in self.cluster.pods(self.name)]

    def reach_store(self, reachable: bool) -> None:
        """Whether the Service of PostgreSQL leads to it; where not, what is connected loses its connection too."""
        selector = {"spec": {"selector": {"app": "postgresql" if reachable else "nobody"}}}
        self.cluster.kubectl("patch", "service", "postgresql", "--patch", json.dumps(selector))
        if not reachable:
            self.cluster.kubectl("exec", "postgresql", "--", "sh", "-c", "kill -INT 1")

    def stored(self, requests: set[str]) -> set[str]:
        """Which of these requests have their prediction in PostgreSQL."""
        return requests & {request for request, _ in self.place.predictions.requests(USECASE)}
