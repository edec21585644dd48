"""Two images of a trained model, a cluster with PostgreSQL and a bucket, and the chart installed: once for the session."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_code.installation import Installation
from services.build.engine import Engine, EngineError
from services.build.image import Image, build_image
from services.build.platform import build_platform
from services.build.release import Release, release_of
from services.rollout.base import Wanted
from services.rollout.helm.target import HelmTarget
from tests.e2e import stage
from tests.e2e.cluster import LOAD, NAMESPACE, Cluster
from tests.e2e.figures import Checks
from tests.e2e.helm_site import settings_with, site_values, way_to
from tests.e2e.installed import USECASE, Installed
from tests.rollout_cases import Stand

SHARED = "TEST_SHARED"


VERB_SECONDS = 300.0  # of verbs that succeed; what fails is said long before
CHECKS = Checks("installed", "tests/e2e/test_chart_")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of KUBECONFIG, else the one below the folder that `TEST_SHARED` names, and a namespace of this session in it."""
    found = named_cluster()
    if found is None:
        pytest.skip(f"no cluster: neither KUBECONFIG with E2E_LOAD nor a folder in {SHARED} names one")
    if not found.answers():
        pytest.skip("no cluster: the one that is named does not answer (make e2e starts that of TEST_SHARED)")
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
def platform_image(cluster: Cluster, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The platform's image, where pods find it: minutes of downloads; `PLATFORM_IMAGE` names one that is built already."""
    stage.bring_postgresql(cluster, engine)
    name = os.environ.get("PLATFORM_IMAGE") or build_platform(tmp_path_factory.mktemp("platform"), engine).name
    cluster.load(name)
    return name


@pytest.fixture(scope="session")
def bucket(cluster: Cluster) -> Iterator[dict[str, str]]:
    """What reaches an S3 server beside the cluster."""
    with stage.bucket_beside(cluster) as found:
        yield found


@pytest.fixture(scope="session")
def database(cluster: Cluster, engine: Engine) -> Iterator[str]:
    """PostgreSQL in the cluster; its URL for this machine."""
    with stage.database_in(cluster, engine, secrets.token_urlsafe(16)) as url:
        yield url


@pytest.fixture(scope="session")
def place(database: str, bucket: dict[str, str]) -> Iterator[Installation]:
    """An installation on both, with two versions; the first one is the champion."""
    with stage.place_at(database, bucket) as found:
        yield found


@pytest.fixture(scope="session")
def releases(place: Installation) -> list[Release]:
    return [release_of(place, version) for version in ("1", "2")]


@pytest.fixture(scope="session")
def images(releases: list[Release], engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """An image of each release."""
    return [build_image(each, tmp_path_factory.mktemp("image"), engine) for each in releases]


@pytest.fixture(scope="session")
def key(cluster: Cluster, images: list[Image], bucket: dict[str, str]) -> str:
    """A bearer key; with it, images and Secrets are where pods find them."""
    return stage.bring(cluster, images, bucket)


@pytest.fixture(scope="session")
def installed(
    cluster: Cluster, place: Installation, images: list[Image], releases: list[Release], key: str
) -> Iterator[Installed]:
    """The chart, installed with the first image."""
    with stage.release_of_chart(cluster, place, images, releases, key) as found:
        yield found


@pytest.fixture(scope="module")
def helm_stand(
    cluster: Cluster,
    place: Installation,
    images: list[Image],
    releases: list[Release],
    key: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    """The Helm target with two releases, and nothing deployed yet."""
    settings = settings_with(place.settings, cluster, tmp_path_factory.mktemp("site"), site_values(cluster))
    first, second = (
        Wanted(usecase=USECASE, version=release.version, bundle=release.bundle, image=image.name)
        for release, image in zip(releases, images, strict=True)
    )
    with way_to(cluster):
        found = Stand(place, lambda: HelmTarget(settings), first, second, key, VERB_SECONDS)
        yield found
        found.target.stop(USECASE)


def named_cluster() -> Cluster | None:
    """The cluster that the environment names, if it names one; it may not answer."""
    shared = os.environ.get(SHARED)
    own = bool(os.environ.get("KUBECONFIG") and LOAD)
    if not own and not shared:
        return None
    return Cluster(None if own else Path(str(shared)).resolve() / "cluster", NAMESPACE)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the checks of the charts."""
    CHECKS.count(report)


def pytest_sessionfinish() -> None:
    """Their number is a figure of the README's table."""
    CHECKS.tell()
