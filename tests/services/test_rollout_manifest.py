"""Where the cluster has something other than a release says: fields, objects, and what takes additions out again."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_code.errors import RolloutError
from services.rollout.cluster.api import Conflict
from services.rollout.cluster.fields import changed
from services.rollout.cluster.manifest import PLURALS, altered, take_out_additions
from tests.services.kserve_memory import Memory

GOLDEN = Path(__file__).parents[1] / "chart" / "golden" / "model-service" / "everything.yaml"
HOOK = "helm.sh/hook"
CONTAINER = "spec.template.spec.containers.0"


def manifest() -> list[dict[str, Any]]:
    """The chart with everything in it, as `helm get manifest` tells it: without its tests."""
    told = [each for each in yaml.safe_load_all(GOLDEN.read_text()) if each]
    return [each for each in told if HOOK not in each["metadata"].get("annotations", {})]


def cluster_with(objects: list[dict[str, Any]]) -> Memory:
    found = Memory()
    for each in objects:
        path = found.path(
            PLURALS[each["kind"]], each["metadata"]["name"], "" if each["apiVersion"] == "v1" else each["apiVersion"]
        )
        found.call("PATCH", path, body=copy.deepcopy(each))
    return found


def place_of(cluster: Memory, kind: str, name: str, path: str) -> tuple[Any, Any]:
    """What holds a field, and its last name."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = next(each for each in cluster.objects.values() if (each["kind"], each["metadata"]["name"]) == (kind, name))
    for part in parents:
        place = place[part]
    return place, last


def said(cluster: Memory) -> list[str]:
    return [sentence for each in altered(cluster, manifest()) for sentence in each.said]


def test_altered__is_nothing_of_all_that_the_chart_can_have() -> None:
    assert {each["kind"] for each in manifest()} | {"InferenceService"} == set(PLURALS)
    assert said(cluster_with(manifest())) == []


@pytest.mark.parametrize(
    "number", range(len(manifest())), ids=[f"{each['kind']} {each['metadata']['name']}" for each in manifest()]
)
def test_altered__names_each_object_that_is_gone(number: int) -> None:
    objects = manifest()
    gone = objects.pop(number)

    assert said(cluster_with(objects)) == [f"{gone['kind']} {gone['metadata']['name']} of the release is gone"]


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "sentence"),
    [
        ("Deployment", "victoria", f"{CONTAINER}.image", "x:3", "containers[service].image is x:3, the release says "),
        (
            "Deployment",
            "victoria",
            f"{CONTAINER}.env.6.value",
            "direct",
            "env[EVENKEEL_KEEP].value is direct, the release says spool",
        ),
        (
            "Deployment",
            "victoria",
            f"{CONTAINER}.resources.limits.memory",
            "64Mi",
            "resources.limits.memory is 64Mi, the release says",
        ),
        (
            "Deployment",
            "victoria",
            f"{CONTAINER}.securityContext.readOnlyRootFilesystem",
            False,
            "Filesystem is False, the release says True",
        ),
        ("Deployment", "victoria-canary", "spec.replicas", 0, "spec.replicas is 0, the release says"),
        ("NetworkPolicy", "victoria", "spec.ingress", [{}], "spec.ingress[0].from is gone, the release says"),
        ("Service", "victoria", "spec.selector", {}, "spec.selector.app.kubernetes.io/name is gone"),
        ("HorizontalPodAutoscaler", "victoria", "spec.maxReplicas", 1, "spec.maxReplicas is 1, the release says"),
        ("PodDisruptionBudget", "victoria", "spec.maxUnavailable", "100%", "spec.maxUnavailable is 100%, the release says"),
        (
            "HTTPRoute",
            "victoria",
            "spec.rules.0.backendRefs.1.weight",
            100,
            "backendRefs[victoria-canary].weight is 100, the release says",
        ),
        (
            "ServiceAccount",
            "victoria",
            "automountServiceAccountToken",
            True,
            "ServiceAccount victoria: automountServiceAccountToken is True",
        ),
    ],
)
def test_altered__names_what_somebody_edited(kind: str, name: str, path: str, value: object, sentence: str) -> None:
    cluster = cluster_with(manifest())
    place, last = place_of(cluster, kind, name, path)
    place[last] = value

    told = said(cluster)

    assert told
    assert all(each.startswith(f"{kind} {name}: ") for each in told)
    assert sentence in told[0]


def test_altered__leaves_what_the_server_adds_or_writes_otherwise() -> None:
    cluster = cluster_with(manifest())
    container, _ = place_of(cluster, "Deployment", "victoria", f"{CONTAINER}.image")
    container |= {"terminationMessagePath": "/dev/termination-log", "resources": copy.deepcopy(container["resources"])}
    container["resources"]["requests"]["cpu"] = "0.25"
    wanted = manifest()
    deployment = next(each for each in wanted if each["metadata"]["name"] == "victoria" and each["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "250m"

    assert altered(cluster, wanted) == []


def test_altered__leaves_replicas_to_an_autoscaler_though_the_release_says_how_many_there_were() -> None:
    cluster = cluster_with(manifest())
    place, _ = place_of(cluster, "Deployment", "victoria", "spec.replicas")
    place["replicas"] = 7
    wanted = manifest()
    next(each for each in wanted if each["kind"] == "Deployment")["spec"]["replicas"] = 2

    assert altered(cluster, wanted) == []


def test_altered__refuses_a_kind_that_it_does_not_know() -> None:
    with pytest.raises(RolloutError, match="has a Gizmo, which is not known here"):
        altered(Memory(), [{"apiVersion": "v1", "kind": "Gizmo", "metadata": {"name": "any"}}])


def test_take_out_additions__removes_what_was_added_and_nothing_else() -> None:
    cluster = cluster_with(manifest())
    container, _ = place_of(cluster, "Deployment", "victoria", f"{CONTAINER}.image")
    container["env"].insert(0, {"name": "FIRST", "value": "1"})
    container["env"].append({"name": "LAST", "value": "1"})
    container["resources"]["limits"]["example.com/a~b"] = "1"
    place, _ = place_of(cluster, "Deployment", "victoria", "spec.template.spec.containers")
    place["containers"].insert(0, {"name": "sidecar", "image": "stranger:1"})
    place["nodeSelector"]["zone"] = "a"
    container["image"] = "x:3"

    take_out_additions(cluster, manifest())

    (told,) = said(cluster)
    assert "containers[service].image is x:3" in told


def test_take_out_additions__begins_again_where_somebody_else_writes_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_with(manifest())
    container, _ = place_of(cluster, "Deployment", "victoria", f"{CONTAINER}.image")
    container["env"].append({"name": "LAST", "value": "1"})
    told, refusals = cluster.call, [1, 1]

    def refused_twice(method: str, path: str, **given: Any) -> str:
        if method == "PATCH" and refusals:
            refusals.pop()
            raise Conflict("the object has been modified")
        return told(method, path, **given)

    monkeypatch.setattr(cluster, "call", refused_twice)
    take_out_additions(cluster, manifest())
    assert said(cluster) == []

    container, _ = place_of(cluster, "Deployment", "victoria", f"{CONTAINER}.image")
    container["env"].append({"name": "LAST", "value": "1"})
    refusals += [1] * 99
    with pytest.raises(RolloutError, match="Deployment victoria changes too often"):
        take_out_additions(cluster, manifest())


def test_changed__names_what_is_otherwise_and_not_what_the_cluster_added() -> None:
    wanted = {"predictor": {"minReplicas": 2, "containers": [{"image": "a:1"}], "tolerations": []}}
    found = {"predictor": {"minReplicas": 1, "maxReplicas": 3, "containers": [{"image": "a:1", "imagePullPolicy": "Always"}]}}

    assert [str(each) for each in changed(wanted, found, "load")] == ["load.predictor.minReplicas is 1, the release says 2"]


def test_changed__compares_items_by_name_and_says_what_was_added() -> None:
    wanted = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}], "args": ["--one"]}
    found = {"env": [{"name": "C", "value": "secret"}, {"name": "B"}, {"name": "A", "value": "2"}], "args": ["--one", "--two"]}

    assert [(str(each), each.path) for each in changed(wanted, found)] == [
        ("env[A].value is 2, the release says 1", ("env", 2, "value")),
        ("env[C] is not of the release", ("env", 0)),
        ("args is ['--one', '--two'], the release says ['--one']", ("args",)),
    ]


def test_changed__says_how_long_a_list_is_that_is_too_long_to_be_shown() -> None:
    rules = [{"to": [{"ipBlock": {"cidr": f"10.0.0.{number}/32"}}], "ports": [{"port": 443}]} for number in range(3)]

    (told,) = changed({"egress": rules}, {"egress": [*rules, {}]})

    assert str(told) == "egress is a list of 4, the release says a list of 3"
