"""Two images of a trained model, a cluster with PostgreSQL and a bucket, and the chart installed: once for the session."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import httpx
import pytest

from model_code.installation import Installation
from model_code.settings import Settings
from model_code.specification import Candidate
from services.build.engine import Engine, EngineError
from services.build.image import Image, build_image
from services.build.release import Release, release_of
from tests import trained
from tests.conftest import free_port
from tests.e2e.cluster import Cluster, until
from tests.e2e.installed import HOST, USECASE, Installed

HERE = Path(__file__).parent
SHARED = "TEST_SHARED"
POSTGRESQL = "evenkeel-e2e-postgresql:1"
TREES = (40, 60)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster below the folder that `TEST_SHARED` names, and a namespace of this session in it."""
    shared = os.environ.get(SHARED)
    if not shared:
        pytest.skip(f"no cluster: {SHARED} names no folder that has one")
    found = Cluster(Path(shared).resolve() / "cluster", "evenkeel-e2e")
    if not found.answers():
        pytest.skip(f"no cluster: the one of {SHARED} does not answer (make e2e starts it)")
    found.create()
    yield found
    found.delete()


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return Engine()
    except EngineError as error:
        pytest.skip(f"no cluster: no container engine to build images for one: {error}")


@pytest.fixture(scope="session")
def bucket(cluster: Cluster) -> Iterator[dict[str, str]]:
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


@pytest.fixture(scope="session")
def database(cluster: Cluster, engine: Engine) -> Iterator[str]:
    """PostgreSQL in the cluster; its URL for this machine."""
    engine.build(HERE / "postgresql", POSTGRESQL, arguments=[], secrets=[])
    cluster.load(POSTGRESQL)
    password = secrets.token_urlsafe(16)
    url = f"postgresql://evenkeel:{password}@postgresql:5432/postgres"
    cluster.secret("database", {"password": password, "url": url})
    cluster.kubectl("apply", "-f", str(HERE / "postgresql.yaml"))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/postgresql", "--timeout=120s")
    with cluster.forwarded("pod/postgresql", 5432) as port:
        yield f"postgresql://evenkeel:{password}@127.0.0.1:{port}/postgres"


@pytest.fixture(scope="session")
def place(database: str, bucket: dict[str, str]) -> Iterator[Installation]:
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


@pytest.fixture(scope="session")
def releases(place: Installation) -> list[Release]:
    return [release_of(place, version) for version in ("1", "2")]


@pytest.fixture(scope="session")
def images(releases: list[Release], engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """An image of each release."""
    return [build_image(each, tmp_path_factory.mktemp("image"), engine) for each in releases]


@pytest.fixture(scope="session")
def installed(
    cluster: Cluster, place: Installation, images: list[Image], releases: list[Release], bucket: dict[str, str]
) -> Iterator[Installed]:
    """The chart, installed with the first image."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda image: cluster.load(image.name), images))
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        made = [sys.executable, "-m", "services.forecaster.keys", "new", "e2e", "--file", str(keys)]
        key = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        cluster.secret("keys", {"keys": keys.read_text()})
    cluster.secret("buckets", bucket)
    found = Installed(cluster, place, releases, images, key)
    found.upgrade(0, "--install")
    until(lambda: found.ask("ready").status_code == 200, f"an answer of {HOST}")
    yield found
    found.close()
    cluster.helm("uninstall", found.name, "--wait")


def _answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True
