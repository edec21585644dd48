"""What the chart's service needs around it on a cluster: a bucket, PostgreSQL, a trained installation, images, the release."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest
from filelock import FileLock

from model_code.installation import Installation
from model_code.settings import Settings
from model_code.specification import Candidate
from services.build.engine import Engine
from services.build.image import Image
from services.build.release import Release
from tests import trained
from tests.conftest import free_port
from tests.e2e.cluster import Cluster, until
from tests.e2e.installed import USECASE, Installed

HERE = Path(__file__).parent
POSTGRESQL = "evenkeel-e2e-postgresql:1"
TREES = (40, 60)


@contextmanager
def bucket_beside(cluster: Cluster) -> Iterator[dict[str, str]]:
    """An S3 server outside of the cluster, on the node's address; what reaches it."""
    path = "{.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    address, port = cluster.kubectl("get", "nodes", "-o", f"jsonpath={path}", namespaced=False), free_port()
    url = f"http://{address}:{port}"
    running = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", address, "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(url), "the S3 server")
        client = boto3.client("s3", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
        client.create_bucket(Bucket="evenkeel")
        told = {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
        yield told | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    finally:
        running.kill()
        running.wait()


def bring_postgresql(cluster: Cluster, engine: Engine) -> None:
    """The image of PostgreSQL, to where pods find it; built from nothing where the engine has lost a layer of it.

    One session after the other: the first two builds of a new engine, side by side, have lost one.
    """
    with FileLock(Path(tempfile.gettempdir()) / "evenkeel-e2e-postgresql.lock"):
        engine.build(HERE / "postgresql", POSTGRESQL, arguments=[], secrets=[])
        try:
            cluster.load(POSTGRESQL)
        except AssertionError as error:
            print(f"\nbuilt anew: {error}", flush=True)
            engine.run("image", "rm", "--force", POSTGRESQL)
            engine.run("builder", "prune", "--all", "--force")
            engine.build(HERE / "postgresql", POSTGRESQL, arguments=[], secrets=[])
            cluster.load(POSTGRESQL)


@contextmanager
def database_in(cluster: Cluster, engine: Engine, password: str) -> Iterator[str]:
    """PostgreSQL in the cluster; its URL for this machine."""
    bring_postgresql(cluster, engine)
    url = f"postgresql://evenkeel:{password}@postgresql:5432/postgres"
    cluster.secret("database", {"password": password, "url": url})
    cluster.kubectl("apply", "-f", str(HERE / "postgresql.yaml"))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/postgresql", "--timeout=300s")
    with cluster.forwarded("pod/postgresql", 5432) as port:
        yield f"postgresql://evenkeel:{password}@127.0.0.1:{port}/postgres"


@contextmanager
def place_at(database: str, bucket: dict[str, str]) -> Iterator[Installation]:
    """An installation whose tables and bundles lie in the bucket, with two versions; the first one is the champion."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.items():
            patch.setenv(name, value)
        home = Path(folder)
        made = trained.installation(home, USECASE, f"sqlite:///{home / 'mlflow.db'}")
        urls = {"sql_url": database, "store_url": "s3://evenkeel/store", "bundles_url": "s3://evenkeel/bundles"}
        remote = Installation.open(USECASE, Settings.model_validate(made.settings.model_dump() | urls))
        remote.store.append(USECASE, "load", made.store.revisions(USECASE, "load"))
        for trees in TREES:
            trained.train(remote, (Candidate(family="xgboost", parameters={"n_estimators": trees}),))
        remote.promoter.promote(USECASE, "1", "test", "first release", {}, remote.present(None), force=True)
        yield remote
        remote.sql.dispose()


def bring(cluster: Cluster, images: list[Image], bucket: dict[str, str]) -> str:
    """Images and Secrets to where the chart's pods find them; a bearer key that they know."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda image: cluster.load(image.name), images))
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        made = [sys.executable, "-m", "services.forecaster.keys", "new", "e2e", "--file", str(keys)]
        key = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        cluster.secret("keys", {"keys": keys.read_text()})
    cluster.secret("buckets", bucket)
    return key


@contextmanager
def release_of_chart(
    cluster: Cluster, place: Installation, images: list[Image], releases: list[Release], key: str
) -> Iterator[Installed]:
    """The chart, installed with the first image."""
    found = Installed(cluster, place, releases, images, key)
    found.upgrade(0)
    until(lambda: found.ask("ready").status_code == 200, f"an answer of {found.host}")
    yield found
    found.close()
    cluster.helm("uninstall", found.name, "--wait")


def _answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True
