"""The chart's pods as KServe InferenceServices, and what is read back from one.

The chart stays the one description of a model service: what it renders for a track is carried over, so that a pod of
KServe has the same probes, limits, Secrets and security as one of Helm.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from model_code.errors import RolloutError
from services.rollout.kserve.applied import ISVC
from services.rollout.kserve.wire import read

if TYPE_CHECKING:
    from kserve.models import V1beta1InferenceService

CONTAINER = "kserve-container"  # the name by which the controller knows the server among a pod's containers
MODE, AUTOSCALER = "serving.kserve.io/deploymentMode", "serving.kserve.io/autoscalerClass"
# Keeps the controller from making a route of its own: traffic is weighed by ours.
PRIVATE = {"networking.kserve.io/visibility": "cluster-local"}


def inference_service(deployment: Mapping[str, Any], scaler: Mapping[str, Any] | None = None) -> "V1beta1InferenceService":
    """The InferenceService whose pods are those of a rendered Deployment.

    Args:
        deployment: As `helm template` renders it.
        scaler: The HorizontalPodAutoscaler of that Deployment, if the chart renders one.

    Raises:
        RolloutError: It has what an InferenceService cannot say.
    """
    metadata, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    told = {
        "apiVersion": ISVC[1],
        "kind": "InferenceService",
        "metadata": {
            "name": metadata["name"],
            "labels": {**metadata.get("labels", {}), **PRIVATE},
            "annotations": {**metadata.get("annotations", {}), MODE: "Standard", AUTOSCALER: "hpa" if scaler else "none"},
        },
        "spec": {
            "predictor": {
                **template["spec"],
                "containers": _containers(template["spec"]["containers"]),
                "labels": template["metadata"].get("labels", {}),
                "annotations": template["metadata"].get("annotations", {}),
                "deploymentStrategy": spec.get("strategy", {}),
                **_scale(spec, scaler),
            }
        },
    }
    made: V1beta1InferenceService = read("V1beta1InferenceService", told)
    return made


def predictor(name: str) -> str:
    """The Deployment and the Service that the controller makes for an InferenceService of that name."""
    return f"{name}-predictor"


def conditions(service: "V1beta1InferenceService") -> dict[str, tuple[str, str]]:
    """Condition -> its status and what it says; empty where no controller has looked at it."""
    found = (service.status.conditions if service.status else None) or []
    return {each.type: (each.status, each.message or each.reason or "") for each in found}


def _containers(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chart's service is the one that KServe serves; it must be the first, with its port first."""
    if rendered[0]["name"] != "service":
        raise RolloutError(
            "the chart's first container is not its service", hint="the chart and this target must be of one release"
        )
    return [{**rendered[0], "name": CONTAINER}, *rendered[1:]]


def _scale(spec: Mapping[str, Any], scaler: Mapping[str, Any] | None) -> dict[str, Any]:
    if scaler is None:
        replicas = spec.get("replicas", 1)
        return {"minReplicas": replicas, "maxReplicas": replicas}
    wanted = scaler["spec"]
    metrics = [each["resource"] for each in wanted["metrics"] if each["type"] == "Resource"]
    if len(metrics) != 1 or len(wanted["metrics"]) != 1 or metrics[0]["name"] not in ("cpu", "memory"):
        raise RolloutError("KServe scales by one of cpu and memory", hint="give the chart one metric, or use the Helm target")
    return {
        "minReplicas": wanted["minReplicas"],
        "maxReplicas": wanted["maxReplicas"],
        "scaleMetric": metrics[0]["name"],
        "scaleTarget": metrics[0]["target"]["averageUtilization"],
    }
