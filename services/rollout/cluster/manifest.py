"""The objects of a release, and where the cluster has something else: what was deleted, changed or added by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_code.errors import RolloutError
from services.rollout.cluster.api import Cluster, Conflict
from services.rollout.cluster.fields import Field, changed

Object = Mapping[str, Any]
PLURALS = {
    "Deployment": "deployments",
    "HTTPRoute": "httproutes",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "InferenceService": "inferenceservices",
    "Ingress": "ingresses",
    "NetworkPolicy": "networkpolicies",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "PrometheusRule": "prometheusrules",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ServiceMonitor": "servicemonitors",
}
WHOLE = {"Deployment": ("resources", "limits", "requests", "nodeSelector")}  # to which no server adds anything of its own
NOT_SAID = {"apiVersion", "kind", "metadata", "status"}  # of an object: what is compared is the rest
JSON_PATCH = "application/json-patch+json"
TIMES = 5  # to take out what was added, before somebody else writes the object too often


@dataclass(frozen=True)
class Altered:
    """An object that is not what its release says.

    Attributes:
        wanted: As the release has it.
        found: As the cluster has it; None where it is gone.
        fields: Which of its fields are otherwise; none where it is gone.
    """

    wanted: Object
    found: Object | None
    fields: tuple[Field, ...] = ()

    @property
    def said(self) -> list[str]:
        """One sentence for each field, or that it is gone."""
        name = f"{self.wanted['kind']} {self.wanted['metadata']['name']}"
        return [f"{name}: {each}" for each in self.fields] if self.found is not None else [f"{name} of the release is gone"]


def altered(cluster: Cluster, manifest: Sequence[Object]) -> list[Altered]:
    """The objects of a release that are gone, or are otherwise than it says; what the cluster adds of its own is no difference.

    Raises:
        RolloutError: The cluster cannot be asked, or one of the kinds is not known here.
    """
    return [each for wanted in manifest if (each := _altered(wanted, found_of(cluster, wanted), manifest)) is not None]


def found_of(cluster: Cluster, wanted: Object) -> dict[str, Any] | None:
    """That object in the cluster; None where there is none.

    Raises:
        RolloutError: The cluster cannot be asked, or the kind is not known here.
    """
    return cluster.get(_path(cluster, wanted))


def take_out_additions(cluster: Cluster, manifest: Sequence[Object]) -> None:
    """Take out what somebody added by hand, such as a variable or a limit: no apply does, since it is nobody's of the release.

    Raises:
        RolloutError: The cluster cannot be asked, or refuses.
    """
    for wanted in manifest:
        for _ in range(TIMES):
            if _without_additions(cluster, wanted, manifest):
                break
        else:
            raise RolloutError(f"{wanted['kind']} {wanted['metadata']['name']} changes too often", hint="who else writes it?")


def _without_additions(cluster: Cluster, wanted: Object, manifest: Sequence[Object]) -> bool:
    """Whether there is nothing (more) to take out; False where somebody else wrote it meanwhile."""
    there = _altered(wanted, found_of(cluster, wanted), manifest)
    if there is None or there.found is None or not any(each.added for each in there.fields):
        return True
    try:
        cluster.call("PATCH", _path(cluster, wanted), body=list(_removals(there)), content=JSON_PATCH)
    except Conflict:
        return False
    return True


def _removals(there: Altered) -> Iterator[dict[str, Any]]:
    """As a JSON patch: the last item of a list first; a conflict where the object is not the one any more that was read."""
    assert there.found is not None
    yield {"op": "replace", "path": "/metadata/resourceVersion", "value": there.found["metadata"]["resourceVersion"]}
    for path in sorted((each.path for each in there.fields if each.added), reverse=True):
        told = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
        yield {"op": "remove", "path": "/" + "/".join(told)}


def _altered(wanted: Object, found: Object | None, manifest: Sequence[Object]) -> Altered | None:
    if found is None:
        return Altered(wanted, None)
    said = {name: value for name, value in wanted.items() if name not in NOT_SAID}
    if wanted["kind"] == "Deployment" and wanted["metadata"]["name"] in _scaled(manifest):
        said["spec"] = {name: value for name, value in said["spec"].items() if name != "replicas"}
    fields = tuple(changed(said, found, whole=WHOLE.get(wanted["kind"], ())))
    return Altered(wanted, found, fields) if fields else None


def _scaled(manifest: Sequence[Object]) -> set[str]:
    """Deployments whose number of replicas is an autoscaler's."""
    return {each["spec"]["scaleTargetRef"]["name"] for each in manifest if each["kind"] == "HorizontalPodAutoscaler"}


def _path(cluster: Cluster, wanted: Object) -> str:
    plural, group = PLURALS.get(wanted["kind"]), wanted["apiVersion"]
    if plural is None:
        raise RolloutError(f"a release has a {wanted['kind']}, which is not known here", hint="is the chart of this release?")
    return cluster.path(plural, wanted["metadata"]["name"], "" if group == "v1" else group)
