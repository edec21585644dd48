"""Who may reach whom, and do what, by the chart `platform`."""

import re

import pytest

from tests.chart.platform.rendered import NAME, Objects, allowed, labels_of, selects
from tests.chart.rendering import HELM, objects_of

PARTS = ("prefect", "mlflow", "exporter", "bridge", "reports", "worker-cpu")


def test_platform__every_policy_denies_what_is_not_listed(least: Objects) -> None:
    for part in PARTS:
        labels = labels_of(part)
        policies = [each["spec"] for (kind, _), each in least.items() if kind == "NetworkPolicy"]
        types = {kind for policy in policies if selects(policy["podSelector"], labels) for kind in policy["policyTypes"]}
        assert types == {"Ingress", "Egress"}, part
        for rule in allowed(least, "ingress", labels):
            assert rule["from"], part
            assert rule["ports"], part
        assert all(rule["to"] for rule in allowed(least, "egress", labels)), part


@pytest.mark.parametrize(
    ("labels", "may"),
    [
        (labels_of("prefect"), False),
        (labels_of("bridge"), False),
        (labels_of("worker-cpu") | {"evenkeel.io/asks-kubernetes": "true"}, True),
        ({"app.kubernetes.io/component": "flow", "evenkeel.io/rolls-out": "no"}, False),
        ({"app.kubernetes.io/component": "flow", "evenkeel.io/rolls-out": "yes"}, True),
    ],
)
def test_platform__only_workers_and_rollouts_reach_the_api_server(everything: Objects, labels: dict[str, str], may: bool) -> None:
    ports = {port["port"] for rule in allowed(everything, "egress", labels) for port in rule.get("ports", [])}

    assert (6443 in ports) is may


def test_platform__flow_runs_and_postgresql_meet_models_of_every_track(helm: str, everything: Objects) -> None:
    chart = HELM / "model-service"
    models = objects_of(helm, chart, chart / "ci" / "canary-values.yaml")
    labels = [each["spec"]["template"]["metadata"]["labels"] for (kind, _), each in models.items() if kind == "Deployment"]
    out = [peer for rule in allowed(everything, "egress", {"app.kubernetes.io/component": "flow"}) for peer in rule["to"]]
    to_postgresql = [peer for rule in allowed(everything, "ingress", labels_of("postgresql")) for peer in rule["from"]]

    assert len(labels) > 1
    for peers in (out, to_postgresql):
        (met,) = (each for each in peers if each.get("namespaceSelector", {}).get("matchLabels", {}).get(NAME) == "models")
        assert all(selects(met["podSelector"], each) for each in labels)


def test_platform__rights_are_of_one_namespace_and_name_what_they_touch(everything: Objects) -> None:
    assert not [kind for kind, _ in everything if kind.startswith("ClusterRole")]
    worker, rollout = (everything["Role", f"victoria-{name}"] for name in ("worker", "rollout"))
    assert rollout["metadata"]["namespace"] == "models"
    for role in (worker, rollout):
        granted = [each for rule in role["rules"] for each in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])]
        assert "*" not in granted
        assert not {"pods/exec", "roles", "rolebindings", "impersonate", "escalate", "bind"} & set(granted)
    assert "secrets" not in [each for rule in worker["rules"] for each in rule["resources"]]


def test_platform__rollouts_may_touch_every_object_of_a_model(helm: str, everything: Objects) -> None:
    chart = HELM / "model-service"
    kinds = {kind for kind, _ in objects_of(helm, chart, chart / "ci" / "everything-values.yaml")} - {"Pod"}
    rules = everything["Role", "victoria-rollout"]["rules"]
    may = {each for rule in rules if {"create", "patch", "delete"} <= set(rule["verbs"]) for each in rule["resources"]}

    plural = {kind: re.sub("y$", "ie", kind.lower()) + ("es" if kind == "Ingress" else "s") for kind in kinds}
    assert {name for name in plural.values() if name not in may} == set()
