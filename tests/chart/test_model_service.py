"""The chart `model-service`: what it renders."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import HELM, Object, environment, objects_of, pod_of

CHART = HELM / "model-service"
EVERYTHING, ROLLOUT = (CHART / "ci" / f"{name}-values.yaml" for name in ("everything", "canary"))
CHALLENGER = "b" * 64
TRACKS = {"stable": "victoria", "canary": "victoria-canary", "shadow": "victoria-shadow"}
LEAST = {
    "image": {"repository": "evenkeel-load", "tag": "abc"},
    "usecase": "load",
    "keys": {"secret": "keys", "key": "keys"},
    "sql": {"secret": "database", "key": "url"},
}
GATEWAY = {"gateway": {"enabled": True, "name": "default", "namespace": "ingress"}}


def rendered(helm: str, values: Object | Path, *options: str) -> dict[tuple[str, str], Object]:
    return objects_of(helm, CHART, values, *options)


def stable(objects: dict[tuple[str, str], Object]) -> Object:
    return objects["Deployment", "victoria"]


def selects(selector: dict[str, str], deployment: Object) -> bool:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return selector.items() <= labels.items()


def backends(objects: dict[tuple[str, str], Object]) -> dict[str, int]:
    rules = objects["HTTPRoute", "victoria"]["spec"]["rules"]
    return {each["name"]: each["weight"] for rule in rules for each in rule["backendRefs"]}


@pytest.mark.parametrize("values", [LEAST, EVERYTHING], ids=["least", "everything"])
def test_chart__pods_meet_the_restricted_level(helm: str, values: Object | Path) -> None:
    objects = rendered(helm, values)

    specs = [pod_of(each) for (kind, _), each in objects.items() if kind == "Deployment"]
    for spec in [*specs, objects["Pod", "victoria-test"]["spec"]]:
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert spec["containers"][0]["securityContext"] == closed
        assert spec["containers"][0]["resources"]["limits"]["memory"]


def test_chart__secrets_are_only_referred_to(helm: str) -> None:
    objects = rendered(helm, EVERYTHING)

    assert not [kind for kind, _ in objects if kind == "Secret"]
    told = environment(stable(objects))
    assert told["EVENKEEL_SQL_URL"] == {"secretKeyRef": {"name": "database", "key": "address"}}
    assert told["EVENKEEL_KEYS_FILE"] == "/secrets/keys/file"


def test_chart__settings_are_those_of_the_service(helm: str) -> None:
    """The service refuses a misspelt setting, so the chart must not have one."""
    from model_code.settings import Settings

    known = {f"EVENKEEL_{name.upper()}" for name in Settings.model_fields}
    objects = rendered(helm, EVERYTHING)

    given = {name for track in TRACKS.values() for name in environment(objects["Deployment", track])}
    assert {name for name in given if name.startswith("EVENKEEL_")} <= known


def test_chart__the_grace_period_covers_the_drain(helm: str) -> None:
    deployment = stable(rendered(helm, LEAST | {"drainSeconds": 30}))

    assert environment(deployment)["EVENKEEL_DRAIN_SECONDS"] == "30"
    assert pod_of(deployment)["terminationGracePeriodSeconds"] >= 30 + 45


@pytest.mark.parametrize(
    ("keep", "volume"),
    [
        ({}, "emptyDir"),
        ({"claim": {"enabled": True}}, "persistentVolumeClaim"),
        ({"mode": "store", "claim": {"enabled": True}}, None),
    ],
)
def test_chart__the_spool_lies_where_the_mode_says(helm: str, keep: dict[str, Any], volume: str | None) -> None:
    objects = rendered(helm, LEAST | {"keep": keep})

    spool = [each for each in pod_of(stable(objects))["volumes"] if each["name"] == "spool"]
    assert [set(each) - {"name"} for each in spool] == ([{volume}] if volume else [])
    assert (("PersistentVolumeClaim", "victoria-spool") in objects) == (volume == "persistentVolumeClaim")
    assert ("EVENKEEL_SPOOL_FOLDER" in environment(stable(objects))) == (volume is not None)


def test_chart__policy_denies_what_is_not_listed(helm: str) -> None:
    objects = rendered(helm, LEAST)
    policy = objects["NetworkPolicy", "victoria-tracks"]["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53]
    assert all(
        rule.get("from") for kind, name in objects if kind == "NetworkPolicy" for rule in objects[kind, name]["spec"]["ingress"]
    )
    nobody = rendered(helm, LEAST | {"networkPolicy": {"from": []}})["NetworkPolicy", "victoria"]["spec"]
    assert (nobody["policyTypes"], nobody.get("ingress")) == (["Ingress"], None), "no user may ask where none is listed"
    off = rendered(helm, LEAST | {"networkPolicy": {"enabled": False}})
    assert not [kind for kind, _ in off if kind == "NetworkPolicy"]


def test_chart__users_reach_no_shadow(helm: str) -> None:
    objects = rendered(helm, ROLLOUT)

    users = objects["NetworkPolicy", "victoria"]["spec"]
    assert users["podSelector"]["matchExpressions"] == [{"key": "evenkeel.io/track", "operator": "NotIn", "values": ["shadow"]}]
    assert "victoria-shadow" not in backends(objects)
    assert "ingress" not in str(objects["NetworkPolicy", "victoria-tracks"]["spec"]["ingress"])


def test_chart__judges_reach_every_track(helm: str) -> None:
    judge = {"namespace": "flows", "pods": {"app": "job"}}
    policy = rendered(helm, LEAST | {"networkPolicy": {"judges": [judge]}})["NetworkPolicy", "victoria-tracks"]["spec"]

    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "flows"}},
        "podSelector": {"matchLabels": {"app": "job"}},
    }
    assert peer in policy["ingress"][0]["from"]
    assert "evenkeel.io/track" not in str(policy["podSelector"])


def test_chart__the_ingress_shows_only_what_asks_for_a_key(helm: str) -> None:
    objects = rendered(helm, LEAST | GATEWAY | {"ingress": {"enabled": True, "host": "load.example.com"}})

    paths = [path["path"] for path in objects["Ingress", "victoria"]["spec"]["rules"][0]["http"]["paths"]]
    matches = objects["HTTPRoute", "victoria"]["spec"]["rules"][0]["matches"]
    assert paths == [match["path"]["value"] for match in matches]
    assert not [path for path in paths if re.match(r"/$|/metrics|/docs|/livez", path)]
    assert ("Ingress", "victoria") not in rendered(helm, LEAST)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("{usecase}.example.com", "demand-us.example.com"),
        ("api-{usecase}.example.com", "api-demand-us.example.com"),
        ("*.example.com", "*.example.com"),
    ],
)
def test_chart__one_value_names_the_host_of_every_use_case(helm: str, host: str, found: str) -> None:
    ways = {"ingress": {"enabled": True, "host": host}, "gateway": GATEWAY["gateway"] | {"hostnames": [host]}}
    objects = rendered(helm, LEAST | ways | {"usecase": "demand_us"})

    assert [rule["host"] for rule in objects["Ingress", "victoria"]["spec"]["rules"]] == [found]
    assert objects["HTTPRoute", "victoria"]["spec"]["hostnames"] == [found]


def test_chart__tells_what_each_track_carries(helm: str) -> None:
    objects = rendered(helm, EVERYTHING)

    for (track, name), version, letter in zip(TRACKS.items(), "345", "abc", strict=True):
        deployment = objects["Deployment", name]
        for metadata in (deployment["metadata"], deployment["spec"]["template"]["metadata"]):
            assert metadata["annotations"]["evenkeel.io/model-version"] == version
            assert metadata["annotations"]["evenkeel.io/bundle"] == letter * 64
            assert metadata["labels"]["evenkeel.io/track"] == track
            assert metadata["labels"]["app.kubernetes.io/instance"] == "victoria"
            assert metadata["labels"]["app.kubernetes.io/component"] == "service"


def test_chart__challengers_are_pinned_and_stable_follows_the_pointer(helm: str) -> None:
    objects = rendered(helm, ROLLOUT)

    assert not [name for name in environment(stable(objects)) if name.startswith("EVENKEEL_PIN")]
    canary, shadow = (environment(objects["Deployment", TRACKS[track]]) for track in ("canary", "shadow"))
    assert (canary["EVENKEEL_PIN"], canary["EVENKEEL_PIN_VERSION"]) == ("b" * 64, "4")
    assert (shadow["EVENKEEL_PIN"], shadow["EVENKEEL_PIN_VERSION"]) == ("c" * 64, "5")


def test_chart__a_challenger_has_its_own_image_or_stables(helm: str) -> None:
    objects = rendered(helm, ROLLOUT)

    images = [pod_of(objects["Deployment", name])["containers"][0]["image"] for name in TRACKS.values()]
    assert images == [f"evenkeel-demand-victoria:{tag}" for tag in ("0123456789abcdef", "fedcba9876543210", "0123456789abcdef")]


def test_chart__a_selector_finds_the_pods_of_one_track(helm: str) -> None:
    objects = rendered(helm, EVERYTHING)
    deployments = {name: objects["Deployment", name] for name in TRACKS.values()}

    for name in TRACKS.values():
        for selector in (objects["Service", name]["spec"]["selector"], deployments[name]["spec"]["selector"]["matchLabels"]):
            assert [each for each, found in deployments.items() if selects(selector, found)] == [name]
    budget = objects["PodDisruptionBudget", "victoria"]["spec"]["selector"]["matchLabels"]
    assert [each for each, found in deployments.items() if selects(budget, found)] == ["victoria"]


def test_chart__the_selector_of_stable_is_that_of_the_first_version(helm: str) -> None:
    """A Deployment's selector cannot change, and a Service's must find the pods of before until there are others."""
    first = {
        "app.kubernetes.io/name": "model-service",
        "app.kubernetes.io/instance": "victoria",
        "app.kubernetes.io/component": "service",
    }
    objects = rendered(helm, LEAST)

    assert stable(objects)["spec"]["selector"]["matchLabels"] == first
    assert objects["Service", "victoria"]["spec"]["selector"] == first


@pytest.mark.parametrize(
    ("canary", "weights"),
    [
        ({"enabled": False, "weight": 0}, {"victoria": 100}),
        ({"enabled": False, "weight": 30}, {"victoria": 100}),
        ({"enabled": True, "weight": 0}, {"victoria": 100, "victoria-canary": 0}),
        ({"enabled": True, "weight": 10}, {"victoria": 90, "victoria-canary": 10}),
        ({"enabled": True, "weight": 100}, {"victoria": 0, "victoria-canary": 100}),
    ],
)
def test_chart__the_route_splits_by_weight(helm: str, canary: dict[str, Any], weights: dict[str, int]) -> None:
    assert backends(rendered(helm, LEAST | GATEWAY | {"canary": {"bundle": CHALLENGER, **canary}})) == weights


def test_chart__replicas_are_left_to_the_autoscaler(helm: str) -> None:
    values = LEAST | {"autoscaling": {"enabled": True, "min": 2, "max": 4}, "canary": {"enabled": True, "bundle": CHALLENGER}}
    objects = rendered(helm, values)

    assert "replicas" not in stable(objects)["spec"]
    assert objects["Deployment", "victoria-canary"]["spec"]["replicas"] == 1
    assert objects["HorizontalPodAutoscaler", "victoria"]["spec"]["scaleTargetRef"]["name"] == "victoria"
    assert stable(rendered(helm, LEAST | {"replicas": 0}))["spec"]["replicas"] == 0


def test_chart__the_gpu_profile_asks_for_a_node_that_has_one(helm: str) -> None:
    site = {"nodeSelector": {"disk": "fast"}}
    cpu, gpu = (pod_of(stable(rendered(helm, LEAST | site | {"profile": name}))) for name in ("cpu", "gpu"))

    assert gpu["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert gpu["containers"][0]["resources"]["limits"]["memory"] == cpu["containers"][0]["resources"]["limits"]["memory"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in gpu["tolerations"]
    assert gpu["nodeSelector"] == {"nvidia.com/gpu.present": "true", "disk": "fast"}
    assert cpu["nodeSelector"] == {"disk": "fast"}
    assert "gpu" not in str(cpu)


@pytest.mark.parametrize(
    ("when", "known", "there"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_chart__the_operators_objects_are_there_where_it_is(helm: str, when: str, known: bool, there: bool) -> None:
    options = ["--api-versions", "monitoring.coreos.com/v1"] if known else []
    objects = rendered(helm, LEAST | {"metrics": {"serviceMonitor": when, "rules": when}}, *options)

    assert (("ServiceMonitor", "victoria") in objects, ("PrometheusRule", "victoria") in objects) == (there, there)
