"""What a cluster's administrator applies: each overlay renders, is valid for each version of Kubernetes, and holds what it promises."""

import re
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from services.rollout.cluster.values import merged
from tests.chart.rendering import HELM, Object, objects_of, pods_of

ROOT = HELM.parent
OVERLAYS = ("local", "staging", "production")
VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
PLATFORM = HELM / "platform"


@cache
def rendered(kubectl: str, overlay: str) -> list[Object]:
    """The objects of an overlay."""
    command = [kubectl, "kustomize", str(ROOT / "k8s" / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def named(objects: list[Object], kind: str, namespace: str | None = None) -> dict[str, Object]:
    return {
        each["metadata"]["name"]: each
        for each in objects
        if each["kind"] == kind and namespace in (None, each["metadata"].get("namespace"))
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay__is_valid(schemas: Any, kubectl: str, overlay: str, version: str) -> None:
    for each in rendered(kubectl, overlay):
        schemas.validate(each, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay__bounds_and_closes_both_namespaces(kubectl: str, overlay: str) -> None:
    found = rendered(kubectl, overlay)

    assert set(named(found, "Namespace")) == {"evenkeel", "models"}
    for name, namespace in named(found, "Namespace").items():
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        assert named(found, "ResourceQuota", name)
        assert named(found, "LimitRange", name)
        (policy,) = named(found, "NetworkPolicy", name).values()
        assert policy["spec"]["podSelector"] == {}
        assert "ingress" not in policy["spec"]


def test_overlays__make_nothing_cluster_wide_but_namespaces_and_priorities(kubectl: str) -> None:
    for overlay in OVERLAYS:
        wide = {each["kind"] for each in rendered(kubectl, overlay) if "namespace" not in each["metadata"]}

        assert wide == {"Namespace", "PriorityClass"}
        assert all(name.startswith("evenkeel-") for name in named(rendered(kubectl, overlay), "PriorityClass"))


def test_priorities__models_before_the_platform_before_flow_runs(kubectl: str) -> None:
    classes = named(rendered(kubectl, "production"), "PriorityClass")
    serving, platform, batch = (classes[f"evenkeel-{name}"] for name in ("serving", "platform", "batch"))

    assert serving["value"] > platform["value"] > batch["value"] > 0, "0 is what a pod of no class has"
    assert batch["preemptionPolicy"] == "Never"
    assert not [name for name, each in classes.items() if each.get("globalDefault")]


def test_documents__give_each_pod_its_priority(kubectl: str, helm: str) -> None:
    """What follows docs/kubernetes.md must not let flow runs drive away the platform, nor either of them a model."""
    platform, cluster = block("docs/platform.md", "# platform.yaml"), block("docs/kubernetes.md", "# cluster.yaml")
    values = merged(platform, cluster)
    model = merged(values["models"]["values"], {"usecase": "demand_victoria", "image": {"repository": "x", "tag": "1"}})

    parts, models = (pods_of(objects_of(helm, HELM / name, of)) for name, of in (("platform", values), ("model-service", model)))
    assert {pod["spec"]["priorityClassName"] for pod in parts.values()} == {"evenkeel-platform"}
    assert models["victoria"]["spec"]["priorityClassName"] == "evenkeel-serving"
    assert values["runs"]["priorityClass"] == "evenkeel-batch"
    assert set(named(rendered(kubectl, "local"), "PriorityClass")) == {"evenkeel-platform", "evenkeel-serving", "evenkeel-batch"}


def test_documents__name_no_priority_that_is_not_there(kubectl: str) -> None:
    texts = [*(ROOT / "docs").glob("*.md"), *HELM.glob("*/values.yaml"), *HELM.glob("*/ci/*.yaml")]
    said = {name for path in texts for name in re.findall(r"priorityClass(?:Name)?: ([-\w]+)", path.read_text())}

    assert said == set(named(rendered(kubectl, "local"), "PriorityClass"))


def block(document: str, beginning: str) -> Object:
    """The one values file of a document that begins so."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    (found,) = [each for each in blocks if each.startswith(beginning)]
    values: Object = yaml.safe_load(found)
    return values


def test_access__is_what_the_platforms_chart_would_give(kubectl: str, helm: str) -> None:
    values = yaml.safe_load((PLATFORM / "ci" / "everything-values.yaml").read_text())
    values["models"]["namespace"] = "models"
    made = objects_of(helm, PLATFORM, values)
    for kind in ("Role", "RoleBinding"):
        ours = named(rendered(kubectl, "production"), kind)
        theirs = {name: each for (of, name), each in made.items() if of == kind}

        assert {name.partition("-")[2] for name in theirs} == {name.partition("-")[2] for name in ours}
    for name, role in named(rendered(kubectl, "production"), "Role").items():
        (same,) = (each for (of, of_name), each in made.items() if of == "Role" and of_name.endswith(name.partition("-")[2]))
        assert rights(role) == rights(same), f"k8s/base/access.yaml: {name} is another than helm/platform's"


def rights(role: Object) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_job_template__is_the_one_that_flows_run_as(kubectl: str) -> None:
    held = named(rendered(kubectl, "local"), "ConfigMap")["evenkeel-job-template"]["data"]["job.yaml"]

    asked = block("docs/kubernetes.md", "# cluster.yaml")["runs"]["template"]
    assert asked in named(rendered(kubectl, "local"), "ConfigMap", "evenkeel")
    assert held == (ROOT / "flows" / "cluster" / "job.yaml").read_text(), "cp flows/cluster/job.yaml k8s/base/job.yaml"
