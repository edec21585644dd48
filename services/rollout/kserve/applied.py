"""Objects that the KServe target brings to a namespace by server-side apply, and takes away again."""

from collections.abc import Mapping
from typing import Any

from model_code.errors import RolloutError
from services.rollout.cluster.api import Cluster, NotFound

APPLY = "application/apply-patch+yaml"
MANAGER = "evenkeel"
ISVC = ("inferenceservices", "serving.kserve.io/v1beta1")
ROUTE = ("httproutes", "gateway.networking.k8s.io/v1")
REVISIONS = ("controllerrevisions", "apps/v1")
# Of what the chart renders beside its pods, all that means the same with KServe. The rest is the controller's work.
BESIDE = {
    "ServiceAccount": ("serviceaccounts", ""),
    "PersistentVolumeClaim": ("persistentvolumeclaims", ""),
    "NetworkPolicy": ("networkpolicies", "networking.k8s.io/v1"),
    "PodDisruptionBudget": ("poddisruptionbudgets", "policy/v1"),
    "ServiceMonitor": ("servicemonitors", "monitoring.coreos.com/v1"),
    "PrometheusRule": ("prometheusrules", "monitoring.coreos.com/v1"),
}
KINDS = {**BESIDE, "InferenceService": ISVC, "HTTPRoute": ROUTE, "ControllerRevision": REVISIONS}
Object = dict[str, Any]


def apply(cluster: Cluster, wanted: Mapping[str, Any]) -> None:
    """Bring an object to what is wanted, over anybody's manual change of the same fields.

    Raises:
        RolloutError: The cluster does not know the kind, refuses, or does not answer.
    """
    kind, group = KINDS[wanted["kind"]]
    query = {"fieldManager": MANAGER, "force": "true"}
    path = cluster.path(kind, wanted["metadata"]["name"], group)
    try:
        cluster.call("PATCH", path, body=wanted, query=query, content=APPLY)
    except NotFound as error:
        if "could not find the requested resource" not in error.message:
            raise
        hint = "install KServe there, or use EVENKEEL_TARGET=helm" if "kserve" in group else f"its CRD is {kind}.{group}"
        raise RolloutError(f"the cluster knows no {wanted['kind']} of {group}", hint=hint) from error


def delete(cluster: Cluster, kind: str, name: str) -> None:
    """Delete an object and what it owns; none there is fine."""
    plural, group = KINDS[kind]
    try:
        cluster.call("DELETE", cluster.path(plural, name, group), query={"propagationPolicy": "Background"})
    except NotFound:
        return
