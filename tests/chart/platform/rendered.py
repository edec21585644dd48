"""The chart `platform` as Helm renders it, and what its pods are allowed."""

from pathlib import Path

from tests.chart.rendering import HELM, Object, objects_of, pods_of

CLAIM = {"data": {"claim": {"enabled": True}}}
CHART = HELM / "platform"
EVERYTHING = CHART / "ci" / "everything-values.yaml"
LEAST: Object = {
    "image": {"repository": "evenkeel-platform", "tag": "abc"},
    "secrets": {"sql": "sql"},
    "prefect": {"database": {"secret": "prefect"}},
    "mlflow": {"database": {"secret": "mlflow"}},
    "bridge": {"token": {"secret": "bridge"}},
    **CLAIM,
}
NAME = "kubernetes.io/metadata.name"
Objects = dict[tuple[str, str], Object]


def rendered(helm: str, values: Object | Path, *options: str) -> Objects:
    return objects_of(helm, CHART, values, *options)


def pods(objects: Objects) -> dict[str, Object]:
    """The spec of every pod that the chart makes."""
    return {name: pod["spec"] for name, pod in pods_of(objects).items()}


def allowed(objects: Objects, direction: str, labels: dict[str, str]) -> list[Object]:
    """The rules of every policy that selects pods of these labels."""
    policies = [each["spec"] for (kind, _), each in objects.items() if kind == "NetworkPolicy"]
    return [rule for policy in policies if selects(policy["podSelector"], labels) for rule in policy.get(direction) or []]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    listed = selector.get("matchExpressions", [])
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(
        each["key"] in labels if each["operator"] == "Exists" else labels.get(each["key"]) in each["values"] for each in listed
    )


def labels_of(part: str) -> dict[str, str]:
    names = {"name": "platform", "instance": "victoria", "component": part}
    return {f"app.kubernetes.io/{key}": value for key, value in names.items()}
