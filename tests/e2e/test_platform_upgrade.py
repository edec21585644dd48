"""From the platform's previous chart to this one and back: what was kept stays, every part is ready each time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.build.engine import Engine
from tests.chart.rendering import HELM
from tests.e2e import stage
from tests.e2e.cluster import Cluster
from tests.e2e.platform import CHART, Platform

# Servers start three times, each with its databases; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(1800), pytest.mark.xdist_group("cluster")]
PREVIOUS = sorted((Path(__file__).parents[1] / "chart" / "previous").glob("platform-*.tgz"))[-1]
PARTS = {"prefect", "mlflow", "exporter", "bridge", "reports", "worker-cpu", "postgresql"}
SITE = {"runs": {"template": "job-of-the-site"}, "podLabels": {"example.com/cost": "forecasts"}}


@pytest.fixture
def earlier(cluster: Cluster, engine: Engine, platform_image: str) -> Iterator[Platform]:
    """A release of the previous chart, in a namespace of its own with restricted Pod Security."""
    there = cluster.beside("earlier")
    there.create()
    stage.bring_postgresql(there, engine)
    found = Platform(there, platform_image)
    found.chart = PREVIOUS
    found.install()
    found.await_ingress()
    yield found
    there.delete()


def charts(platform: Platform) -> set[str]:
    """Which chart the pods that are ready are of."""
    pods = platform.pods()
    ready = {
        part
        for part, pod in pods.items()
        for each in pod["status"]["conditions"]
        if (each["type"], each["status"]) == ("Ready", "True")
    }
    assert ready == set(pods) == PARTS
    return {pod["metadata"]["labels"]["helm.sh/chart"] for pod in pods.values()}


def kept(platform: Platform) -> tuple[Any, str]:
    """An experiment that somebody made in MLflow, and the volumes."""
    found = platform.ask("mlflow", "/api/2.0/mlflow/experiments/search", json={"max_results": 10}).json()["experiments"]
    claims = platform.cluster.kubectl("get", "persistentvolumeclaims", "-o", "jsonpath={.items[*].metadata.uid}")
    return sorted(each["name"] for each in found), claims


def manifest(platform: Platform) -> Any:
    """What flow runs are started as."""
    pools = {each["name"]: each for each in platform.ask("prefect", "/api/work_pools/filter", json={}).json()}
    return pools["kubernetes"]["base_job_template"]["job_configuration"]["job_manifest"]


def test_chart__upgrades_the_previous_version_and_goes_back_with_all_that_it_kept(earlier: Platform) -> None:
    made = earlier.ask("mlflow", "/api/2.0/mlflow/experiments/create", json={"name": "before"})
    before, was = kept(earlier), manifest(earlier)
    job = yaml.safe_load((HELM.parent / "k8s" / "base" / "job.yaml").read_text())
    job["spec"]["template"]["metadata"]["labels"]["example.com/cost"] = "flow-runs"
    earlier.cluster.kubectl("create", "configmap", "job-of-the-site", f"--from-literal=job.yaml={yaml.safe_dump(job)}")

    earlier.chart, earlier.site = CHART, SITE
    earlier.upgrade()
    earlier.await_ingress()
    upgraded, found, labelled = charts(earlier), kept(earlier), earlier.pods()["mlflow"]["metadata"]["labels"]
    registered = manifest(earlier)
    earlier.cluster.helm("rollback", earlier.name, "1", "--wait", "--timeout", "600s")
    earlier.await_ingress()

    assert made.status_code == 200, made.text
    assert before[0] == ["Default", "before"]
    assert upgraded == {f"platform-{yaml.safe_load((CHART / 'Chart.yaml').read_text())['version']}"}
    assert labelled["example.com/cost"] == "forecasts"
    assert registered == job != was
    assert charts(earlier) == {PREVIOUS.stem}
    assert found == kept(earlier) == before
    assert manifest(earlier) == was
