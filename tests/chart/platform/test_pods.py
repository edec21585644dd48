"""The pods of the chart `platform`: what they run as, are told, and keep."""

import re
from typing import Any

import pytest
import yaml

from model_code.logs import PREFECT_AS_JSON
from model_code.settings import Settings
from tests.chart.platform.rendered import EVERYTHING, LEAST, Objects, allowed, labels_of, pods, rendered
from tests.chart.rendering import NAMESPACE, environment, pod_of


@pytest.mark.parametrize("values", ["least", "everything"])
def test_platform__pods_meet_the_restricted_level(values: str, request: pytest.FixtureRequest) -> None:
    for name, spec in pods(request.getfixturevalue(values)).items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
            assert container["securityContext"] == closed, name
            assert container["resources"]["limits"]["memory"], name


def test_platform__only_workers_have_a_token(everything: Objects) -> None:
    with_token = {name for name, spec in pods(everything).items() if spec["automountServiceAccountToken"]}

    assert with_token == {"victoria-worker-cpu", "victoria-worker-gpu"}


def test_platform__secrets_are_only_referred_to(helm: str, everything: Objects) -> None:
    assert not [kind for kind, _ in everything if kind == "Secret"]
    secret = re.compile("URL|URI|TOKEN|AUTH|PASSWORD$")
    for (kind, name), each in everything.items():
        if kind == "Deployment":
            for variable, value in environment(each).items():
                if secret.search(variable) and "SECRET_" not in variable and isinstance(value, str):
                    assert value.startswith("http://victoria-") or value == "/api", (name, variable)
    for spec in pods(everything).values():
        for container in spec["containers"]:
            assert "://user" not in str(container.get("command")), "a command is seen by everybody on the node"


def test_platform__settings_are_those_that_are_known(everything: Objects) -> None:
    """A misspelt setting ends a part at its start."""
    known = {f"EVENKEEL_{name.upper()}" for name in Settings.model_fields}
    given = set(everything["ConfigMap", "victoria-settings"]["data"])
    for spec in pods(everything).values():
        for container in spec["containers"]:
            given |= {each["name"] for each in container.get("env", [])}

    assert {name for name in given if name.startswith("EVENKEEL_")} <= known


def test_platform__prefect_logs_as_everything_else_does(helm: str, least: Objects) -> None:
    told = least["ConfigMap", "victoria-settings"]["data"]
    as_text = rendered(helm, LEAST | {"settings": {"LOG_FORMAT": "text"}})

    assert told["EVENKEEL_LOG_FORMAT"] == "json"
    assert PREFECT_AS_JSON.items() <= told.items()
    for part in ("prefect", "worker-cpu"):
        assert PREFECT_AS_JSON.items() <= environment(least["Deployment", f"victoria-{part}"]).items()
        assert not PREFECT_AS_JSON.keys() & environment(as_text["Deployment", f"victoria-{part}"]).keys()
    assert not PREFECT_AS_JSON.keys() & as_text["ConfigMap", "victoria-settings"]["data"].keys()


def test_platform__settings_of_the_operator_have_the_last_word(helm: str) -> None:
    objects = rendered(helm, LEAST | {"settings": {"TARGET": "kserve"}})

    assert objects["ConfigMap", "victoria-settings"]["data"]["EVENKEEL_TARGET"] == "kserve"


def test_platform__another_setting_makes_other_pods_and_nothing_else_does(helm: str, least: Objects) -> None:
    changed, same = rendered(helm, LEAST | {"settings": {"HTTP_TIMEOUT": "30"}}), rendered(helm, LEAST)

    assert same == least
    for part in ("exporter", "bridge", "reports", "worker-cpu"):
        key = ("Deployment", f"victoria-{part}")
        assert changed[key]["spec"]["template"] != least[key]["spec"]["template"]


def test_platform__flow_runs_are_told_what_they_need(everything: Objects) -> None:
    told = environment(everything["Job", "victoria-registration"])

    assert told["EVENKEEL_JOB_IMAGE"] == f"registry.example.com/evenkeel-platform@sha256:{'1' * 64}"
    assert told["EVENKEEL_JOB_SECRETS"].split() == [
        "evenkeel-sql", "evenkeel-buckets", "prefect-auth", "evenkeel-keys", "evenkeel-notify",
    ]  # fmt: skip
    mounts = dict(each.split("=") for each in told["EVENKEEL_JOB_MOUNTS"].split())
    assert mounts == {
        "claim/victoria-data": "/data",
        "claim/victoria-reports": "/home/evenkeel/reports",
        "configmap/victoria-models": "/etc/evenkeel/models",
        "configmap/evenkeel-usecases": "/etc/evenkeel/usecases",
    }
    values = yaml.safe_load(everything["ConfigMap", "victoria-models"]["data"]["values.yaml"])
    assert values == yaml.safe_load(EVERYTHING.read_text())["models"]["values"]
    for name in ("JOB_SERVICE_ACCOUNT", "JOB_ROLLOUT_SERVICE_ACCOUNT"):
        assert ("ServiceAccount", told[f"EVENKEEL_{name}"]) in everything


def test_platform__the_bridge_tells_people_where_it_is_told_whom(helm: str, least: Objects) -> None:
    way_out = {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443, "protocol": "TCP"}]}
    bridge = {"token": {"secret": "bridge"}, "notify": {"secret": "people"}}
    told = rendered(helm, LEAST | {"bridge": bridge, "networkPolicy": {"bridgeEgress": [way_out]}})
    name, key = "EVENKEEL_NOTIFY_URLS", ("Deployment", "victoria-bridge")

    assert environment(told[key])[name] == {"secretKeyRef": {"name": "people", "key": name}}
    assert name not in environment(least[key])
    assert way_out in allowed(told, "egress", labels_of("bridge"))
    assert way_out not in allowed(told, "egress", labels_of("exporter"))


def test_platform__mlflow_answers_by_its_names_with_and_without_a_port(everything: Objects) -> None:
    command = pod_of(everything["Deployment", "victoria-mlflow"])["containers"][0]["command"]
    (hosts,) = (each.removeprefix("--allowed-hosts=").split(",") for each in command if each.startswith("--allowed-hosts="))

    for name in ("victoria-mlflow", f"victoria-mlflow.{NAMESPACE}"):
        assert {name, f"{name}:5000"} <= set(hosts)
    assert {"mlflow.example.com", "mlflow.internal"} <= set(hosts)
    assert "*" not in hosts
    address = everything["ConfigMap", "victoria-settings"]["data"]["EVENKEEL_MLFLOW_URL"]
    assert address.removeprefix("http://") in hosts


def test_platform__claims_outlive_the_release(everything: Objects) -> None:
    claims: list[Any] = [each for (kind, _), each in everything.items() if kind == "PersistentVolumeClaim"]

    assert len(claims) == 2
    for each in claims:
        assert each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    kept = everything["StatefulSet", "victoria-postgresql"]["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert kept == {"whenDeleted": "Retain", "whenScaled": "Retain"}
