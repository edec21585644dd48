"""A namespace with PostgreSQL, a bucket beside it, two images of a trained model, and the Helm target that releases them."""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from model_code.settings import Settings
from services.build.engine import Engine
from services.build.image import build_image
from services.build.release import release_of
from services.rollout.base import Wanted
from services.rollout.helm.target import HelmTarget
from tests.e2e import stage
from tests.e2e.cluster import Cluster, until
from tests.e2e.installed import USECASE, Installed

OURS = ("image", "model", "usecase", "ingress", "keep")
REPLICAS = 2


@dataclass
class Ground:
    """What every measure works on.

    Attributes:
        cluster: The namespace.
        installed: Asks through the ingress, and tells what is in PostgreSQL.
        target: Releases it.
        site: The operator's values.
        folder: For files.
    """

    cluster: Cluster
    installed: Installed
    target: HelmTarget
    site: dict[str, Any]
    folder: Path
    current: int = 0

    @property
    def release(self) -> str:
        """Name of Helm release, Deployment, Service and route."""
        return USECASE.replace("_", "-")

    def wanted(self, number: int) -> Wanted:
        """The first or the second model with its image."""
        release, image = self.installed.releases[number], self.installed.images[number]
        return Wanted(usecase=USECASE, version=release.version, bundle=release.bundle, image=image.name)

    def point(self, number: int) -> None:
        """Let the pointer want that model."""
        bundles = [release.bundle for release in self.installed.releases]
        self.installed.place.pointers.move(USECASE, bundles[number], bundles[1 - number])

    def deploy(self, number: int, **site: Any) -> None:
        """Make that model and its image the stable track, with other values of the operator's where given."""
        self.put_site(**site)
        self.point(number)
        self.target.deploy(self.wanted(number), timeout=300)
        self.current = number

    def put_site(self, **site: Any) -> None:
        """Write the operator's file."""
        (self.folder / "site.yaml").write_text(yaml.safe_dump(self.site | site))

    def pods(self) -> list[dict[str, Any]]:
        """The stable pods that are not about to end."""
        return [pod for pod in self.cluster.pods(self.release) if pod["metadata"]["labels"]["evenkeel.io/track"] == "stable"]


@contextmanager
def ground(namespace: str) -> Iterator[Ground]:
    """All of it, with the first model deployed; nothing is left afterwards."""
    cluster = cluster_of(namespace)
    cluster.create()
    try:
        with (
            stage.bucket_beside(cluster) as bucket,
            stage.database_in(cluster, Engine(), secrets.token_urlsafe(16)) as database,
            stage.place_at(database, bucket) as place,
            tempfile.TemporaryDirectory(prefix="bench-cluster-") as folder,
        ):
            releases = [release_of(place, version) for version in ("1", "2")]
            folders = [Path(folder) / name for name in ("first", "second")]
            for each in folders:
                each.mkdir()
            images = [build_image(release, where, Engine()) for release, where in zip(releases, folders, strict=True)]
            key = stage.bring(cluster, images, bucket)
            installed = Installed(cluster, place, releases, images, key)
            site = {name: value for name, value in installed.values(0).items() if name not in OURS}
            gateway = {"enabled": True, "name": "default", "namespace": "ingress", "hostnames": [installed.host]}
            site |= {"replicas": REPLICAS, "gateway": gateway}
            settings = place.settings.model_dump() | {"namespace": namespace, "helm_values": Path(folder) / "site.yaml"}
            found = Ground(cluster, installed, HelmTarget(Settings.model_validate(settings)), site, Path(folder))
            found.deploy(0)
            until(lambda: installed.ask("ready").status_code == 200, "an answer through the ingress")
            yield found
            found.target.stop(USECASE)
            installed.close()
    finally:
        cluster.delete()


def cluster_of(namespace: str) -> Cluster:
    """The cluster of TEST_SHARED; this program's own kubectl, helm and client are led there too."""
    shared = os.environ.get("TEST_SHARED")
    if not shared:
        raise SystemExit("TEST_SHARED names no folder with a cluster (TEST_SHARED=folder make bench-cluster)")
    found = Cluster(Path(shared).resolve() / "cluster", namespace)
    os.environ.update({name: found.environment[name] for name in ("KUBECONFIG", "PATH")})
    if Path("/usr/bin/docker").exists():  # Debian's has BuildKit built in; another one may stand before it in the PATH
        os.environ.setdefault("DOCKER", "/usr/bin/docker")
    if not found.answers():
        raise SystemExit(f"the cluster of {shared} does not answer: {shared}/cluster/up --monitoring")
    return found


def answered(ask: Any, seconds: float) -> float:
    """Seconds until a question is answered 200; questions in between may fail in any way."""

    def asked() -> bool:
        try:
            return bool(ask().status_code == 200)
        except httpx.TransportError:
            return False

    began = time.monotonic()
    until(asked, "an answer", seconds=seconds)
    return time.monotonic() - began
