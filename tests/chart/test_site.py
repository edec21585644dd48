"""What a site asks of both charts: priorities, places, identities, digests, private authorities, labels of its own."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.platform.rendered import LEAST as PLATFORM
from tests.chart.rendering import HELM, Object, environment, objects_of, pods_of
from tests.chart.test_model_service import CHALLENGER
from tests.chart.test_model_service import LEAST as MODEL

DIGEST, OTHER = (f"sha256:{letter * 64}" for letter in "de")
POSTGRESQL = {"postgresql": {"enabled": True, "image": "postgres:17", "password": {"secret": "postgresql"}}}
CASES = {"model-service": MODEL, "platform": PLATFORM | POSTGRESQL}
charts = pytest.mark.parametrize("chart", CASES)
WITHOUT = {"victoria-postgresql", "victoria-test"}  # a pod of another image, and a model's test, which asks by HTTP alone


def rendered(helm: str, chart: str, change: Object) -> dict[tuple[str, str], Object]:
    return objects_of(helm, HELM / chart, CASES[chart] | change)


def images(pods: dict[str, Object]) -> dict[str, str]:
    """Pod -> the image of its first container."""
    return {name: pod["spec"]["containers"][0]["image"] for name, pod in pods.items()}


@charts
def test_pods__go_where_and_before_whom_the_site_says(helm: str, chart: str) -> None:
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
    wanted: dict[str, Any] = {
        "priorityClassName": "first",
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "site", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
    }
    pods, bare = pods_of(rendered(helm, chart, wanted)), pods_of(rendered(helm, chart, {}))

    placed = pods if chart == "platform" else {"victoria": pods["victoria"]}
    assert len(placed) == {"platform": 9, "model-service": 1}[chart]
    for name, pod in placed.items():
        assert {key: pod["spec"].get(key) for key in wanted} == wanted, name
        assert not wanted.keys() & bare[name]["spec"].keys(), name


@charts
def test_pods__carry_the_sites_labels_beside_their_own(helm: str, chart: str) -> None:
    pods, bare = (pods_of(rendered(helm, chart, {"podLabels": labels})) for labels in ({"cost": "forecasts"}, {}))

    labelled = [name for name, pod in pods.items() if pod["metadata"]["labels"].get("cost") == "forecasts"]
    assert set(labelled) == set(pods) - ({"victoria-test"} if chart == "model-service" else set())
    for name in labelled:
        assert bare[name]["metadata"]["labels"].items() < pods[name]["metadata"]["labels"].items()


@charts
@pytest.mark.parametrize("tag", [{}, {"tag": "1"}], ids=["digest", "digest and tag"])
def test_pods__of_a_digest_are_named_by_it(helm: str, chart: str, tag: dict[str, str]) -> None:
    objects = rendered(helm, chart, {"image": {"repository": "host:5000/x", "digest": DIGEST, **tag}})

    pods = {name: pod for name, pod in pods_of(objects).items() if name != "victoria-postgresql"}
    assert set(images(pods).values()) == {f"host:5000/x@{DIGEST}"}
    for pod in pods.values():
        assert pod["metadata"]["labels"].get("app.kubernetes.io/version") in (tag.get("tag", "d" * 63), None)
    if chart == "platform":
        assert environment(objects["Job", "victoria-registration"])["EVENKEEL_JOB_IMAGE"] == f"host:5000/x@{DIGEST}"


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({}, f"x@{DIGEST}"),
        ({"repository": "other", "tag": "2"}, "other:2"),
        ({"tag": "2"}, "x:2"),
        ({"digest": OTHER}, f"x@{OTHER}"),
    ],
)
def test_challenger__has_its_own_content_or_stables(helm: str, own: dict[str, str], found: str) -> None:
    canary = {"enabled": True, "bundle": CHALLENGER, "image": own}
    objects = rendered(helm, "model-service", {"image": {"repository": "x", "digest": DIGEST}, "canary": canary})

    told = images(pods_of(objects))
    assert (told["victoria"], told["victoria-canary"]) == (f"x@{DIGEST}", found)


def test_accounts__carry_what_a_cloud_knows_them_by(helm: str) -> None:
    accounts = {name: {"annotations": {"role": name}} for name in ("parts", "worker", "flows", "rollout")}
    platform = rendered(helm, "platform", {"serviceAccounts": accounts})
    model = rendered(helm, "model-service", {"serviceAccount": {"annotations": {"role": "model"}}})

    told = {name: each["metadata"]["annotations"]["role"] for (kind, name), each in platform.items() if kind == "ServiceAccount"}
    assert told == {"victoria": "parts", **{f"victoria-{name}": name for name in ("worker", "flows", "rollout")}}
    assert model["ServiceAccount", "victoria"]["metadata"]["annotations"] == {"role": "model"}
    assert "annotations" not in rendered(helm, "platform", {})["ServiceAccount", "victoria-flows"]["metadata"]


@charts
def test_pods__read_a_private_authority_in_every_container(helm: str, chart: str) -> None:
    volume = {"name": "authority", "configMap": {"name": "ca"}}
    mount = {"name": "authority", "mountPath": "/etc/authority"}
    pods = pods_of(rendered(helm, chart, {"extraVolumes": [volume], "extraVolumeMounts": [mount]}))

    reading = {name: pod["spec"] for name, pod in pods.items() if volume in pod["spec"].get("volumes", [])}
    assert set(reading) == set(pods) - (WITHOUT if chart == "model-service" else {"victoria-postgresql"})
    for name, spec in reading.items():
        waiting = [each for each in spec.get("initContainers", []) if each["name"] == "database"]
        for container in [*waiting, *spec["containers"]]:
            assert mount | {"readOnly": True} in container["volumeMounts"], (name, container["name"])


@charts
def test_policy__asks_the_dns_of_the_namespace_that_is_named(helm: str, chart: str) -> None:
    objects = rendered(helm, chart, {"networkPolicy": {"dns": "names"}})
    policies = yaml.safe_dump([each for (kind, _), each in objects.items() if kind == "NetworkPolicy"])

    assert "kubernetes.io/metadata.name: names" in policies
    assert "kube-system" not in policies


@charts
def test_labels__of_a_built_chart_version_are_valid(helm: str, chart: str, tmp_path: Path) -> None:
    """A `+` is allowed in a version, and in no label."""
    built = shutil.copytree(HELM / chart, tmp_path / chart)
    about = yaml.safe_load((built / "Chart.yaml").read_text())
    (built / "Chart.yaml").write_text(yaml.safe_dump(about | {"version": "7.0.0+build.1"}))

    for each in objects_of(helm, built, CASES[chart]).values():
        assert each["metadata"]["labels"]["helm.sh/chart"] == f"{chart}-7.0.0_build.1"


@charts
def test_chart__says_which_version_of_the_code_it_is_of(chart: str) -> None:
    project = tomllib.loads((HELM.parent / "pyproject.toml").read_text())["project"]

    assert yaml.safe_load((HELM / chart / "Chart.yaml").read_text())["appVersion"] == project["version"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, {"type": "Recreate"}),
        ({"data": {"claim": {"enabled": True, "accessMode": "ReadWriteMany"}}}, "RollingUpdate"),
        ({"mlflow": {"database": {"secret": "mlflow"}, "artifacts": "s3://evenkeel/artifacts"}}, "RollingUpdate"),
    ],
)
def test_mlflow__makes_way_for_itself_where_one_node_holds_its_volume(helm: str, change: Object, found: Object | str) -> None:
    strategy = rendered(helm, "platform", change)["Deployment", "victoria-mlflow"]["spec"]["strategy"]

    assert found in (strategy, strategy["type"])


@pytest.mark.parametrize(("mode", "found"), [("ReadWriteOnce", {"maxSurge": 0, "maxUnavailable": 1}), ("ReadWriteMany", None)])
def test_reports__make_way_for_themselves_where_one_node_holds_their_volume(helm: str, mode: str, found: Object | None) -> None:
    site = rendered(helm, "platform", {"reports": {"enabled": True, "claim": {"accessMode": mode}}})

    assert site["Deployment", "victoria-reports"]["spec"].get("strategy", {}).get("rollingUpdate") == found
    assert "strategy" not in site["Deployment", "victoria-exporter"]["spec"]


def test_runs__are_made_of_the_manifest_that_a_site_keeps(helm: str) -> None:
    job = rendered(helm, "platform", {"runs": {"template": "evenkeel-job-template"}})["Job", "victoria-registration"]
    spec = job["spec"]["template"]["spec"]
    file = Path(environment(job)["EVENKEEL_JOB_TEMPLATE"])

    (mount,) = [each for each in spec["containers"][0]["volumeMounts"] if each["mountPath"] == str(file.parent)]
    assert {"name": mount["name"], "configMap": {"name": "evenkeel-job-template"}} in spec["volumes"]
    assert file.name == "job.yaml", "the entry that k8s/ has"
    assert "EVENKEEL_JOB_TEMPLATE" not in environment(rendered(helm, "platform", {})["Job", "victoria-registration"])
