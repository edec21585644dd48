"""From a cluster with nothing of ours to an answered forecast: the image, a namespace, PostgreSQL, Secrets, the chart."""

import secrets
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.cluster.ground import Ground, answered
from benchmarks.cluster.told import Told
from model_code.installation import Installation
from model_code.settings import Settings
from services.build.engine import Engine
from services.build.image import build_image
from services.rollout.helm.target import HelmTarget
from tests.e2e import stage
from tests.e2e.cluster import Cluster
from tests.e2e.installed import USECASE, Installed

TAG = "evenkeel-bench-cold:1"


def cold(ground: Ground) -> Told:
    """Seconds until a forecast of every entity is answered through the ingress; bucket and engine are there, and their base images."""
    image = _image(ground)
    cluster = Cluster(ground.cluster.folder, f"{ground.cluster.namespace}-cold")
    cluster.delete()
    began = time.monotonic()
    cluster.create()
    try:
        with stage.database_in(cluster, Engine(), secrets.token_urlsafe(16)) as database:
            stored = time.monotonic() - began
            told = ground.installed.place.settings.model_dump() | {"sql_url": database, "namespace": cluster.namespace}
            there = ground.installed
            key = stage.bring(cluster, [], there_bucket())
            settings = Settings.model_validate(told | {"helm_values": ground.folder / "site.yaml"})
            place = Installation.open(USECASE, settings)
            installed = Installed(cluster, place, there.releases, there.images, key)
            gateway = ground.site["gateway"] | {"hostnames": [installed.host]}
            here = replace(ground, cluster=cluster, installed=installed, target=HelmTarget(settings))
            here.site = ground.site | {"gateway": gateway}
            here.deploy(0)
            deployed = time.monotonic() - began
            answered(installed.forecast, 120)
            seconds = time.monotonic() - began
            here.target.stop(USECASE)
            installed.close()
            place.sql.dispose()
    finally:
        cluster.delete()
    ground.put_site()
    return {"seconds": seconds, "database_s": stored, "deployed_s": deployed, "image_s": image}


def _image(ground: Ground) -> float:
    """Seconds to build the service's image with nothing kept of earlier builds, and to take it where pods find it."""
    engine = Engine()
    engine.run("builder", "prune", "--all", "--force")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        built = build_image(ground.installed.releases[0], Path(folder), engine, tag=TAG)
    ground.cluster.load(built.name)
    return time.monotonic() - began


def there_bucket() -> dict[str, str]:
    """What reaches the bucket of this run."""
    import os

    names = ("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {name: os.environ[name] for name in names}
