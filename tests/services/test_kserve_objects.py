"""The chart's pods as InferenceServices: by the SDK's own models, nothing left out, nothing that they do not know."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from kserve.models import V1beta1InferenceService
from kubernetes import client

from model_code.errors import RolloutError
from services.rollout.helm.program import Helm
from services.rollout.kserve.chart import rendered
from services.rollout.kserve.objects import conditions, inference_service
from services.rollout.kserve.wire import read, written

CONTAINER = {
    "name": "service",
    "image": "evenkeel-load:abc",
    "ports": [{"name": "http", "containerPort": 3000}],
    "env": [{"name": "EVENKEEL_SQL_URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}}}],
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
    "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}},
    "securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
}
POD = {
    "serviceAccountName": "load",
    "automountServiceAccountToken": False,
    "terminationGracePeriodSeconds": 70,
    "containers": [CONTAINER],
    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
}
NOTES = {"evenkeel.io/bundle": "b" * 64, "evenkeel.io/model-version": "3"}


def deployment(**pod: object) -> dict[str, Any]:
    labels = {"app.kubernetes.io/instance": "load", "evenkeel.io/track": "stable"}
    template = {"metadata": {"labels": labels, "annotations": NOTES}, "spec": POD | pod}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    metadata = {"name": "load", "labels": labels, "annotations": NOTES}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 2, "strategy": strategy, "template": template}}


def scaler(*names: str) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 70}
    metrics = [{"type": "Resource", "resource": {"name": name, "target": target}} for name in names]
    spec = {"scaleTargetRef": {"name": "load"}, "minReplicas": 2, "maxReplicas": 8, "metrics": metrics}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "load"}, "spec": spec}


def route() -> dict[str, Any]:
    backends = [{"name": "load", "port": 8080, "weight": 90}, {"name": "load-canary", "port": 8080, "weight": 10}]
    return {"kind": "HTTPRoute", "metadata": {"name": "load"}, "spec": {"rules": [{"backendRefs": backends}]}}


class Rendering(Helm):
    """Renders what it was given."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        super().__init__("models")
        self._objects = objects

    def rendered(self, release: str, values: Mapping[str, Any], groups: Sequence[str] = ()) -> list[dict[str, Any]]:
        return list(self._objects)


def test_inference_service__has_the_whole_pod_of_the_chart() -> None:
    made = inference_service(deployment())

    assert isinstance(made, V1beta1InferenceService)
    told = written(made)
    predictor = told["spec"]["predictor"]
    assert predictor["containers"] == [CONTAINER | {"name": "kserve-container"}]
    assert {name: predictor[name] for name in POD if name != "containers"} == {
        name: value for name, value in POD.items() if name != "containers"
    }
    assert predictor["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 2)
    assert predictor["annotations"] == NOTES


def test_inference_service__asks_for_standard_mode_without_a_route_or_a_scaler_of_the_controller() -> None:
    metadata = written(inference_service(deployment()))["metadata"]

    assert metadata["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert metadata["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert metadata["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert NOTES.items() <= metadata["annotations"].items()


def test_inference_service__scales_as_the_charts_autoscaler() -> None:
    told = written(inference_service(deployment(), scaler("cpu")))

    assert told["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"
    predictor = told["spec"]["predictor"]
    names = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")
    assert [predictor[name] for name in names] == [2, 8, "cpu", 70]


def test_inference_service__refuses_what_kserve_cannot_say() -> None:
    with pytest.raises(RolloutError, match="one of cpu and memory"):
        inference_service(deployment(), scaler("cpu", "memory"))
    with pytest.raises(RolloutError, match=r"spec.predictor: V1beta1PredictorSpec has no bogus"):
        inference_service(deployment(bogus=1))
    with pytest.raises(RolloutError, match=r"containers\[0\]: V1Container has no imagePolicy"):
        inference_service(deployment(containers=[CONTAINER | {"imagePolicy": "Always"}]))
    with pytest.raises(RolloutError, match="first container is not its service"):
        inference_service(deployment(containers=[CONTAINER | {"name": "sidecar"}]))


def test_written__is_what_the_kubernetes_client_alone_would_get_wrong() -> None:
    made = inference_service(deployment())

    assert "min_replicas" in json.dumps(client.ApiClient().sanitize_for_serialization(made))  # why there is `written`
    assert "_" not in "".join(written(made)["spec"]["predictor"])


def test_read__takes_a_status_as_controllers_write_it() -> None:
    told = written(inference_service(deployment())) | {
        "status": {
            "url": "http://load.models.example.com",
            "conditions": [
                {"type": "Ready", "status": "False", "reason": "Deploying", "lastTransitionTime": "2026-11-21T18:00:00Z"},
                {"type": "PredictorReady", "status": "False", "message": "exceeded quota"},
            ],
            "components": {"predictor": {"url": "http://load-predictor.models.example.com"}},
            "modelStatus": {"transitionStatus": "InProgress", "states": {"activeModelState": "", "targetModelState": "Pending"}},
            "deploymentMode": "Standard",
        }
    }

    found = read("V1beta1InferenceService", told)

    assert conditions(found) == {"Ready": ("False", "Deploying"), "PredictorReady": ("False", "exceeded quota")}
    assert found.status.url == "http://load.models.example.com"
    assert written(found) == told


def test_read__of_a_newer_cluster_leaves_out_what_it_does_not_know() -> None:
    told = written(inference_service(deployment())) | {"status": {"deploymentMode": "Standard", "novelty": 1}}

    assert read("V1beta1InferenceService", told, exact=False).status.deployment_mode == "Standard"
    with pytest.raises(RolloutError, match="has no novelty"):
        read("V1beta1InferenceService", told)


def test_rendered__leads_the_route_to_the_controllers_services() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "load", "labels": {}}}
    found = rendered(Rendering(deployment(), route(), account, scaler("cpu")), "load", {}, [])

    assert set(found.services) == {"stable"}
    (rule,) = found.route["spec"]["rules"]
    assert rule["backendRefs"] == [
        {"name": "load-predictor", "port": 80, "weight": 90},
        {"name": "load-canary-predictor", "port": 80, "weight": 10},
    ]
    assert [each["kind"] for each in found.beside] == ["ServiceAccount"]
    for each in (found.route, *found.beside, *found.services.values()):
        assert each["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "evenkeel"


def test_rendered__refuses_a_site_without_a_route() -> None:
    with pytest.raises(RolloutError, match=r"gateway\.enabled"):
        rendered(Rendering(deployment()), "load", {}, [])
