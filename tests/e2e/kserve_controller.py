"""A stand-in for the KServe controller, for clusters where it is not installed: what Standard mode does, and no more.

It makes of each InferenceService the Deployment and the Service that the controller would, and writes the status back. It has
no webhook, no defaults, no ingress of its own, and checks nothing. The CRD is ours, and takes any field.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from model_code.errors import RolloutError
from services.rollout.cluster.api import Cluster, NotFound

NAME = "inferenceservices.serving.kserve.io"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "serving.kserve.io/v1beta1"
STAND_IN = {"evenkeel.io/stand-in": "true"}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME, "labels": STAND_IN},
    "spec": {
        "group": "serving.kserve.io",
        "names": {
            "kind": "InferenceService",
            "plural": "inferenceservices",
            "singular": "inferenceservice",
            "shortNames": ["isvc"],
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": OPEN, "status": OPEN}}},
            }
        ],
    },
}
APPLY: dict[str, Any] = {"content": "application/apply-patch+yaml", "query": {"fieldManager": "kserve-stand-in", "force": "true"}}
NOT_OF_A_POD = ("minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "deploymentStrategy", "labels", "annotations")


def is_real(cluster: Cluster) -> bool:
    """Whether the cluster has KServe itself."""
    found = cluster.get(f"{CRDS}/{NAME}")
    return found is not None and STAND_IN.items().isdisjoint(found["metadata"].get("labels", {}).items())


@contextmanager
def stand_in(cluster: Cluster) -> Iterator["StandIn"]:
    """The CRD, and a controller for one namespace; both gone afterwards."""
    path = f"{CRDS}/{NAME}"
    cluster.call("PATCH", path, body=CRD, **APPLY)
    running = StandIn(cluster)
    running.start()
    try:
        yield running
    finally:
        running.end()
        cluster.call("DELETE", path)


class StandIn:
    """Reconciles the InferenceServices of a namespace, over and over.

    Attributes:
        asleep: While set, it looks at nothing, as a controller that is down.
        errors: What went wrong.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._ended = cluster, threading.Event()
        self.asleep, self.errors = threading.Event(), list[str]()
        self._thread = threading.Thread(target=self._run, name="kserve-stand-in", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            if self.asleep.is_set():
                continue
            try:
                for service in self._cluster.items(self._cluster.path("inferenceservices", group=GROUP)):
                    with suppress(NotFound):  # deleted in between
                        self._reconcile(service)
            except RolloutError as error:
                self.errors.append(str(error))

    def _reconcile(self, service: Mapping[str, Any]) -> None:
        if "deletionTimestamp" in service["metadata"]:
            return
        for kind, made in (("deployments", _deployment(service)), ("services", _service(service))):
            group = made["apiVersion"] if "/" in made["apiVersion"] else ""
            self._cluster.call("PATCH", self._cluster.path(kind, made["metadata"]["name"], group), body=made, **APPLY)
        name = service["metadata"]["name"]
        running = self._cluster.get(self._cluster.path("deployments", f"{name}-predictor", "apps/v1"))
        available = _condition(running, "Available")
        status: dict[str, Any] = {"conditions": [_told(kind, available) for kind in ("PredictorReady", "IngressReady", "Ready")]}
        status |= {
            "url": f"http://{name}.example",
            "deploymentMode": "Standard",
            "observedGeneration": service["metadata"]["generation"],
        }
        body = {"apiVersion": GROUP, "kind": "InferenceService", "metadata": {"name": name}, "status": status}
        self._cluster.call("PATCH", self._cluster.path("inferenceservices", name, GROUP) + "/status", body=body, **APPLY)


def _deployment(service: Mapping[str, Any]) -> dict[str, Any]:
    metadata, predictor = service["metadata"], service["spec"]["predictor"]
    labels, annotations = _labels(service), metadata.get("annotations", {}) | predictor.get("annotations", {})
    pod = {key: value for key, value in predictor.items() if key not in NOT_OF_A_POD}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _owned(service) | {"labels": labels, "annotations": annotations},
        "spec": {
            "replicas": predictor["minReplicas"],
            "selector": {"matchLabels": {"app": labels["app"]}},
            "strategy": predictor["deploymentStrategy"],
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
        },
    }


def _service(service: Mapping[str, Any]) -> dict[str, Any]:
    """Without an address of its own, as KServe's configuration has it where nobody changed it."""
    port = service["spec"]["predictor"]["containers"][0]["ports"][0]
    labels = _labels(service)
    spec = {
        "clusterIP": "None",
        "selector": {"app": labels["app"]},
        "ports": [{"name": port["name"], "port": 80, "targetPort": port["containerPort"]}],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": _owned(service) | {"labels": labels}, "spec": spec}


def _labels(service: Mapping[str, Any]) -> dict[str, str]:
    name = service["metadata"]["name"]
    own = {"app": f"isvc.{name}-predictor", "serving.kserve.io/inferenceservice": name, "component": "predictor"}
    labels: dict[str, str] = service["metadata"].get("labels", {}) | service["spec"]["predictor"].get("labels", {}) | own
    return labels


def _owned(service: Mapping[str, Any]) -> dict[str, Any]:
    metadata = service["metadata"]
    owner = {
        "apiVersion": GROUP,
        "kind": "InferenceService",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    return {"name": f"{metadata['name']}-predictor", "ownerReferences": [owner | {"blockOwnerDeletion": True}]}


def _condition(deployment: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any]:
    conditions = (deployment or {}).get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {"status": "Unknown"})


def _told(kind: str, available: Mapping[str, Any]) -> dict[str, Any]:
    told = {"type": kind, "status": available["status"], "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return told | ({"message": available["message"]} if available["status"] == "False" else {})
