"""Charts and overlays before a real server: what it admits, where pods go, who owns the number of replicas. No pod of these runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import HELM
from tests.e2e.cluster import Cluster, until
from tests.e2e.installed import CHART

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("cluster")]
# Scheduling asks for no image: this one is never pulled, and no pod takes any CPU.
ROOT = HELM.parent
OPERATOR = ("--api-versions", "monitoring.coreos.com/v1")
# A namespace of its own is none of a dry run's, nor is an account: a pod that names one is refused before it is looked at.
ALONE = {"model-service": (), "platform": ("--set", "models.namespace=", "--skip-tests")}
LEAST: dict[str, Any] = {
    "image": {"repository": "evenkeel-nowhere", "tag": "none", "pullPolicy": "Never"},
    "usecase": "nowhere",
    "keys": {"secret": "keys", "key": "keys"},
    "sql": {"secret": "database", "key": "url"},
    "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
}


@pytest.fixture
def release(cluster: Cluster) -> Iterator[str]:
    """A name for a Helm release; gone afterwards."""
    name = "admitted"
    yield name
    cluster.helm("uninstall", name, "--ignore-not-found", "--wait", "--timeout", "120s")


def upgrade(cluster: Cluster, name: str, values: dict[str, Any], *options: str) -> None:
    cluster.helm("upgrade", name, str(CHART), "--install", *options, "--values", "-", given=yaml.safe_dump(LEAST | values))


def replicas(cluster: Cluster, name: str) -> int:
    return int(cluster.kubectl("get", "deployment", name, "-o", "jsonpath={.spec.replicas}"))


def pod_of(cluster: Cluster, name: str) -> dict[str, Any]:
    until(lambda: cluster.pods(name), "a pod")
    return cluster.pods(name)[0]


def scheduled(cluster: Cluster, name: str) -> dict[str, Any]:
    """What the scheduler says of the pod."""
    found: list[dict[str, Any]] = []

    def told() -> bool:
        conditions = pod_of(cluster, name).get("status", {}).get("conditions", [])
        found[:] = [each for each in conditions if each["type"] == "PodScheduled"]
        return bool(found)

    until(told, "the scheduler's word")
    return found[0]


@pytest.fixture(scope="module")
def overlaid(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with the namespaces of `k8s/`: a dry run makes none, and objects in one that is missing are refused."""
    there = cluster.kubectl("get", "namespaces", "-o", "name", namespaced=False).split()
    names = [each["metadata"]["name"] for each in yaml.safe_load_all((ROOT / "k8s" / "base" / "namespaces.yaml").read_text())]
    missing = [name for name in names if f"namespace/{name}" not in there]
    for name in missing:
        cluster.kubectl("apply", "-f", "-", given=yaml.safe_dump(named("Namespace", name)), namespaced=False)
    yield cluster
    for name in missing:
        cluster.kubectl("delete", "namespace", name, "--timeout=120s", namespaced=False)


def named(kind: str, name: str) -> dict[str, Any]:
    """A bare object."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


@pytest.mark.parametrize(
    "values", sorted(HELM.glob("*/ci/*-values.yaml")), ids=lambda path: f"{path.parents[1].name} {path.stem}"
)
def test_chart__is_admitted_by_the_server(cluster: Cluster, values: Path) -> None:
    chart = values.parents[1]
    shown = cluster.helm("template", "admitted", str(chart), *OPERATOR, *ALONE[chart.name], "--values", str(values))

    admitted = cluster.kubectl("apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "-f", "-", given=shown)

    objects = [each for each in yaml.safe_load_all(shown) if each]
    assert admitted.count("serverside-applied (server dry run)") == len(objects) > 5, admitted


@pytest.mark.parametrize("overlay", ["local", "staging", "production"])
def test_overlay__is_admitted_by_the_server(overlaid: Cluster, overlay: str) -> None:
    """As docs/kubernetes.md applies it."""
    folder = str(ROOT / "k8s" / "overlays" / overlay)
    shown = overlaid.kubectl("kustomize", folder, namespaced=False)

    admitted = overlaid.kubectl("apply", "-k", folder, "--dry-run=server", "--warnings-as-errors", namespaced=False)

    assert admitted.count("(server dry run)") == len(list(yaml.safe_load_all(shown))) > 10, admitted


def test_server__refuses_what_is_misspelt_deep_inside(cluster: Cluster) -> None:
    values = HELM / "platform" / "ci" / "everything-values.yaml"
    shown = cluster.helm("template", "admitted", str(values.parents[1]), *ALONE["platform"], "--values", str(values))
    wrong = shown.replace("fsGroupChangePolicy:", "fsGroupChangedPolicy:", 1)

    with pytest.raises(AssertionError, match="fsGroupChangedPolicy"):
        cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", given=wrong)


def test_chart__gpu_pods_go_to_a_node_that_has_one_and_wait_where_none_is_free(cluster: Cluster, release: str) -> None:
    nodes = json.loads(cluster.kubectl("get", "nodes", "-l", "nvidia.com/gpu.present=true", "-o", "json", namespaced=False))[
        "items"
    ]
    if not nodes:
        pytest.skip("no node has a GPU (cluster/up --gpus 1)")
    there = sum(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes)

    upgrade(cluster, release, {"profile": "gpu", "replicas": 1})
    until(lambda: scheduled(cluster, release)["status"] == "True", "a node for the pod")
    assert pod_of(cluster, release)["spec"]["nodeName"] in [node["metadata"]["name"] for node in nodes]

    cluster.helm("uninstall", release, "--wait")
    until(lambda: not cluster.pods(release), "the pod's end")
    upgrade(cluster, release, {"profile": "gpu", "replicas": 1, "gpu": {"count": there + 1}})
    told = scheduled(cluster, release)
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in told["message"]


def test_chart__without_a_gpu_node_label_the_pod_waits_with_a_reason(cluster: Cluster, release: str) -> None:
    upgrade(cluster, release, {"profile": "gpu", "replicas": 1, "gpu": {"nodeLabel": "example.com/nowhere"}})

    told = scheduled(cluster, release)
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert "node affinity" in told["message"]


def test_chart__an_autoscaler_that_is_turned_on_ends_no_pod(cluster: Cluster, release: str) -> None:
    """Left out of what a release applies, the server would set the number to 1."""
    scaled = {"autoscaling": {"enabled": True, "min": 2, "max": 5}}
    upgrade(cluster, release, {"replicas": 3})

    upgrade(cluster, release, scaled)
    upgrade(cluster, release, scaled | {"podAnnotations": {"example.com/again": "yes"}})
    assert replicas(cluster, release) == 3

    cluster.kubectl("scale", f"deployment/{release}", "--replicas=5")
    upgrade(cluster, release, scaled)
    assert replicas(cluster, release) == 5, "another one owns the number now"


def test_chart__a_number_that_another_one_owns_is_not_taken_silently(cluster: Cluster, release: str) -> None:
    upgrade(cluster, release, {"replicas": 1})
    cluster.kubectl("scale", f"deployment/{release}", "--replicas=2")

    with pytest.raises(AssertionError, match=r"(?s)conflict with.*\.spec\.replicas"):
        upgrade(cluster, release, {"replicas": 1})
    assert replicas(cluster, release) == 2
    upgrade(cluster, release, {"replicas": 1}, "--force-conflicts")
    assert replicas(cluster, release) == 1


def test_chart__a_release_without_its_secrets_says_so(cluster: Cluster, release: str) -> None:
    upgrade(cluster, release, {"replicas": 1, "keys": {"secret": "no-such-secret", "key": "keys"}})
    name = pod_of(cluster, release)["metadata"]["name"]

    def told() -> str:
        return cluster.kubectl(
            "get", "events", "--field-selector", f"involvedObject.name={name}", "-o", "jsonpath={.items[*].message}"
        )

    until(lambda: 'secret "no-such-secret" not found' in told(), "the kubelet's word")
