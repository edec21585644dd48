"""A namespace in memory whose controllers are done at once: a public fake at the seam of `Cluster`."""

import itertools
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from services.rollout.cluster.api import Cluster, Conflict, NotFound
from services.rollout.helm.program import Helm

ISVC = "/inferenceservices/"
NOTES = "evenkeel.io/"


class Memory(Cluster):
    """Keeps what is applied; makes of each InferenceService a Deployment with a pod, ready where its image is there.

    Attributes:
        objects: Path -> object.
        missing: Images that cannot be pulled.
        asleep: While true, the controller looks at nothing.
        writes: Method and path of every change, in order.
    """

    def __init__(self) -> None:
        super().__init__("models")
        self.objects: dict[str, dict[str, Any]] = {}
        self.missing = {"evenkeel-nowhere:1"}
        self.asleep = False
        self.writes: list[str] = []
        self._numbers = itertools.count(1)

    def call(
        self, method: str, path: str, *, body: object = None, query: Mapping[str, str] | None = None, content: str = ""
    ) -> str:
        given: dict[str, Any] = json.loads(json.dumps(body)) if isinstance(body, dict) else {}
        if method == "GET":
            return json.dumps(self._read(path, query or {}))
        self.writes.append(f"{method} {path.split('/models/')[-1]}")
        if method == "DELETE":
            self._delete(path)
            return "{}"
        if method == "POST":
            path = f"{path}/{given['metadata']['name']}"
        before = self.objects.get(path)
        told = _version(given, body) if before else None
        if before is not None and told not in (None, before["metadata"]["resourceVersion"]):
            raise Conflict(f"{path} was changed")
        if before is not None and "json-patch" in content:
            given = _patched(before, json.loads(json.dumps(body)))
        merged = _merged(before, given) if before is not None and "merge-patch" in content else given
        self._put(path, merged, before)
        return json.dumps(self.objects[path])

    def reconcile(self) -> None:
        """What the controller does when it wakes."""
        for path in [each for each in self.objects if ISVC in each]:
            self._make(self.objects[path])

    def _read(self, path: str, query: Mapping[str, str]) -> object:
        if path in self.objects:
            return self.objects[path]
        if path.rsplit("/", 2)[-2] != "models":  # one object, or a group of the API
            raise NotFound(path)
        wanted = dict(each.split("=", 1) for each in query.get("labelSelector", "").split(",") if each)
        found = [each for name, each in self.objects.items() if name.rpartition("/")[0] == path]
        return {"items": [each for each in found if wanted.items() <= each["metadata"].get("labels", {}).items()]}

    def _put(self, path: str, given: dict[str, Any], before: dict[str, Any] | None) -> None:
        known = before["metadata"] if before else {"uid": f"uid-{next(self._numbers)}", "generation": 0}
        known = {"creationTimestamp": "2026-11-21T18:00:00Z"} | known
        changed = before is None or before.get("spec") != given.get("spec")
        numbers = {"generation": known["generation"] + changed, "resourceVersion": str(next(self._numbers))}
        self.objects[path] = given | {"metadata": {**known, **given["metadata"], **numbers}}
        if ISVC in path and not self.asleep:
            self._make(self.objects[path])

    def _delete(self, path: str) -> None:
        if path not in self.objects:
            raise NotFound(path)
        gone = self.objects.pop(path)["metadata"]
        if ISVC in path:
            owned = [
                each for each, kept in self.objects.items() if kept["metadata"].get("annotations", {}).get("of") == gone["uid"]
            ]
            for each in owned:
                del self.objects[each]

    def _make(self, service: Mapping[str, Any]) -> None:
        metadata, predictor = service["metadata"], service["spec"]["predictor"]
        name, uid = f"{metadata['name']}-predictor", metadata["uid"]
        notes = {key: value for key, value in metadata["annotations"].items() if key.startswith(NOTES)} | {"of": uid}
        notes["deployment.kubernetes.io/revision"] = str(metadata["generation"])
        labels = metadata["labels"] | predictor["labels"]
        self.run(name, labels, notes, predictor["containers"], predictor["minReplicas"])

    def run(
        self,
        name: str,
        labels: Mapping[str, str],
        notes: Mapping[str, str],
        containers: Sequence[Mapping[str, Any]],
        replicas: int,
    ) -> None:
        """A Deployment with its pods, as a cluster has it once it is done."""
        image = containers[0]["image"]
        pulled = image not in self.missing
        template = {"metadata": {"labels": labels, "annotations": notes}, "spec": {"containers": containers}}
        spec, ready = {"replicas": replicas, "template": template}, {"readyReplicas": replicas * pulled, "observedGeneration": 1}

        def keep(kind: str, group: str, name: str, **more: object) -> None:
            own = {
                "name": name,
                "labels": labels,
                "annotations": notes,
                "generation": 1,
                "uid": f"{name}-uid",
                "resourceVersion": "1",
            }
            self.objects[self.path(kind, name, group)] = {"metadata": own, **deepcopy(more)}

        keep("deployments", "apps/v1", name, spec=spec, status=ready)
        keep("replicasets", "apps/v1", name, spec=spec)
        self.objects[self.path("replicasets", name, "apps/v1")]["metadata"]["ownerReferences"] = [_owner(f"{name}-uid")]
        waiting = {"waiting": {"reason": "ErrImageNeverPull", "message": "not there"}}
        container = {
            "name": "kserve-container",
            "image": image,
            "restartCount": 0,
            "state": {"running": {}} if pulled else waiting,
        }
        conditions = [{"type": "Ready", "status": str(pulled)}]
        status = {"conditions": conditions, "containerStatuses": [container], "startTime": "2026-11-21T18:00:00Z"}
        for number in range(replicas):
            keep("pods", "", f"{name}-{number}", status=status)
            self.objects[self.path("pods", f"{name}-{number}")]["metadata"]["ownerReferences"] = [_owner(f"{name}-uid")]


class Rendering(Helm):
    """Renders what the chart renders, as far as a rollout sets it."""

    def __init__(self) -> None:
        super().__init__("models")

    def rendered(self, release: str, values: Mapping[str, Any], groups: Sequence[str] = ()) -> list[dict[str, Any]]:
        stable = {**values["model"], "image": values["image"]}
        tracks = {"stable": stable} | {name: values[name] for name in ("canary", "shadow") if values[name]["enabled"]}
        weight = values["canary"].get("weight", 0)
        backends = [{"name": release, "port": 80, "weight": 100 - weight}]
        if "canary" in tracks:
            backends.append({"name": f"{release}-canary", "port": 80, "weight": weight})
        policy = {"podSelector": {"matchLabels": labels_of(release)}, "policyTypes": ["Ingress"]}
        return [
            *(_deployment(release, name, given) for name, given in tracks.items()),
            _object("HTTPRoute", "gateway.networking.k8s.io/v1", release, {"rules": [{"backendRefs": backends}]}),
            _object("NetworkPolicy", "networking.k8s.io/v1", release, policy),
        ]


def labels_of(release: str) -> dict[str, str]:
    """Of every object of a release."""
    return {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": "service"}


def _object(kind: str, group: str, release: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": release, "labels": labels_of(release)}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def _deployment(release: str, track: str, given: Mapping[str, Any]) -> dict[str, Any]:
    name = release if track == "stable" else f"{release}-{track}"
    labels = labels_of(release) | {"evenkeel.io/track": track}
    notes = {"evenkeel.io/model-version": given["version"], "evenkeel.io/bundle": given["bundle"]}
    image = f"{given['image']['repository']}:{given['image']['tag']}"
    pin = [{"name": "EVENKEEL_PIN", "value": given["bundle"]}] if track != "stable" else []
    environment = [{"name": "EVENKEEL_KEEP", "value": "spool"}, *pin]
    container = {"name": "service", "image": image, "env": environment, "resources": {"limits": {"memory": "1Gi"}}}
    template = {"metadata": {"labels": labels, "annotations": notes}, "spec": {"containers": [container]}}
    metadata = {"name": name, "labels": labels, "annotations": notes}
    spec = {"replicas": 1, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _owner(uid: str) -> dict[str, Any]:
    return {"uid": uid, "controller": True}


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: _merged(below.get(key), value) for key, value in above.items()}


def _version(given: Mapping[str, Any], body: object) -> str | None:
    """The version that a write is about; None where it says none."""
    if isinstance(body, list):
        return next((str(each["value"]) for each in body if each["path"] == "/metadata/resourceVersion"), None)
    told: str | None = given["metadata"].get("resourceVersion")
    return told


def _patched(before: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a JSON patch makes of it, of those that remove."""
    made = deepcopy(dict(before))
    for each in operations:
        if each["op"] == "remove":
            *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in each["path"].strip("/").split("/"))
            place: Any = made
            for part in parents:
                place = place[int(part) if isinstance(place, list) else part]
            del place[int(last) if isinstance(place, list) else last]
    return made
