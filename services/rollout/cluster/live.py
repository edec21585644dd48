"""What a release really runs: its tracks and their pods, and the share of requests."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from model_code.errors import RolloutError
from services.rollout.base import Track, TrackStatus
from services.rollout.cluster.api import MERGE, Answered, Cluster, Conflict
from services.rollout.cluster.trouble import Seen, is_ready, trouble_of

APPS = "apps/v1"
GATEWAY = "gateway.networking.k8s.io/v1"
TRACK = "evenkeel.io/track"
VERSION = "evenkeel.io/model-version"
BUNDLE = "evenkeel.io/bundle"
WRITES = 5  # of the route, before somebody else's are too many
WORD_SECONDS = (2.0, 2.0)
UNHEARD = 3  # times that no pod was heard, before none is asked any more: it must not slow the looking
ORDER: tuple[Track, ...] = ("stable", "canary", "shadow")


class Live:
    """The objects of one release, read at each call.

    Args:
        cluster: Where they are.
        release: Its name.
    """

    manager = "helm"  # of the route's fields, as the cluster notes it

    def __init__(self, cluster: Cluster, release: str) -> None:
        self._cluster, self._release = cluster, release
        self._unheard = 0

    def name(self, track: Track) -> str:
        """Of what a track consists of."""
        return self._release if track == "stable" else f"{self._release}-{track}"

    def service(self, track: Track) -> str:
        """Name of a track's Service, which the route leads to."""
        return self.name(track)

    def labels(self, track: Track | None = None) -> dict[str, str]:
        """What pods of the model service carry: those of one track, or of all."""
        every = {"app.kubernetes.io/instance": self._release, "app.kubernetes.io/component": "service"}
        return every | ({TRACK: track} if track else {})

    def seen(self) -> Seen:
        """Deployments, pods and what the cluster complains of.

        Raises:
            RolloutError: The cluster cannot be asked.
        """
        selector = ",".join(f"{name}={value}" for name, value in self.labels().items())
        deployments, replica_sets, pods = (
            self._cluster.items(self._cluster.path(kind, group=group), labelSelector=selector)
            for kind, group in (("deployments", APPS), ("replicasets", APPS), ("pods", ""))
        )
        events = self._cluster.items(self._cluster.path("events"), fieldSelector="involvedObject.kind=Pod")
        return Seen(deployments, replica_sets, pods, events)

    def route(self) -> dict[str, Any] | None:
        """The HTTPRoute; None where there is none."""
        return self._cluster.get(self._cluster.path("httproutes", self._release, GATEWAY))

    def tracks(self, seen: Seen, route: Mapping[str, Any] | None) -> tuple[TrackStatus, ...]:
        """Every track that is there, `stable` first."""
        shared = weights(route)
        found = [
            self._track(deployment, seen, shared.get(str(deployment["metadata"]["name"])))
            for deployment in seen.deployments
            if "deletionTimestamp" not in deployment["metadata"]
        ]
        return tuple(sorted(found, key=lambda each: ORDER.index(each.track)))

    def weigh(self, percent: int) -> bool:
        """Give the canary that share in the route itself, at once; False where there is no route with a canary.

        Raises:
            RolloutError: The cluster cannot be asked, or refuses.
        """
        for _ in range(WRITES):
            with suppress(Conflict):  # the gateway's controller writes its status into the same object
                return self._weigh(percent)
        raise RolloutError(f"HTTPRoute {self._release} changes too often to be written", hint="who else writes it?")

    def port(self, track: Track) -> tuple[str, int]:
        """Name and port of a track's Service; one without an address of its own leads to the pods' ports as they are.

        Raises:
            RolloutError: There is none.
        """
        name = self.service(track)
        service = self._cluster.get(self._cluster.path("services", name))
        if service is None:
            raise RolloutError(f"no Service {name} in namespace {self._cluster.namespace}", hint=f"{track} is not deployed there")
        first = service["spec"]["ports"][0]
        return name, int(first["targetPort"] if service["spec"].get("clusterIP") == "None" else first["port"])

    def said(self, pod: Mapping[str, Any]) -> str:
        """Why a pod says that it is not ready; empty where it cannot be asked, as behind some network policies."""
        path = self._cluster.path("pods", f"{pod['metadata']['name']}:3000/proxy/readyz")
        if self._unheard < UNHEARD:
            try:
                self._cluster.call("GET", path, timeout=WORD_SECONDS)
            except Answered as error:
                return error.told if error.code == 503 and "error trying to reach service" not in error.told else ""
            except RolloutError:  # not allowed, gone, or not heard
                self._unheard += 1
        return ""

    def log(self, pod: Mapping[str, Any]) -> str:
        """The end of a pod's log, of the container that ended last where one did; empty where it cannot be read."""
        path = self._cluster.path("pods", f"{pod['metadata']['name']}/log")
        for previous in ("true", "false"):
            try:
                return self._cluster.call("GET", path, query={"tailLines": "40", "previous": previous})
            except RolloutError:
                continue
        return ""

    def _weigh(self, percent: int) -> bool:
        route, canary = self.route(), self.service("canary")
        found = {str(each["name"]): each for each in backends(route)}
        if route is None or canary not in found:
            return False
        for name, backend in found.items():
            backend["weight"] = percent if name == canary else 100 - percent
        path = self._cluster.path("httproutes", self._release, GATEWAY)
        body = {"spec": {"rules": route["spec"]["rules"]}, "metadata": {"resourceVersion": route["metadata"]["resourceVersion"]}}
        self._cluster.call("PATCH", path, body=body, content=MERGE, query={"fieldManager": self.manager})
        return True

    def _track(self, deployment: Mapping[str, Any], seen: Seen, weight: int | None) -> TrackStatus:
        meta, status = deployment["metadata"], deployment.get("status", {})
        notes, pods = meta.get("annotations", {}), seen.pods_of(deployment)
        current = int(status.get("observedGeneration", 0)) >= int(meta["generation"])
        ready = min(sum(is_ready(pod) for pod in pods), int(status.get("readyReplicas", 0))) if current else 0
        wanted = int(deployment["spec"].get("replicas", 1))
        trouble = trouble_of(deployment, seen)
        started = [datetime.fromisoformat(pod["status"]["startTime"]) for pod in pods if "startTime" in pod.get("status", {})]
        return TrackStatus(
            track=track_of(deployment),
            version=notes.get(VERSION) or None,
            bundle=notes.get(BUNDLE) or None,
            image=image_of(deployment),
            replicas=wanted,
            ready_replicas=ready,
            weight=weight,
            reason=trouble.what if trouble else "" if ready >= wanted else f"{wanted - ready} of {wanted} pods are not ready",
            since=min(started, default=None),
        )


def track_of(deployment: Mapping[str, Any]) -> Track:
    """Which track a Deployment is; those of older charts have stable ones only."""
    told = deployment["metadata"].get("labels", {}).get(TRACK, "stable")
    return next((each for each in ORDER if each == told), "stable")


def image_of(deployment: Mapping[str, Any]) -> str:
    """The image of its service."""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def backends(route: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The Services that a route leads to; none where there is no route."""
    return [backend for rule in (route or {}).get("spec", {}).get("rules", ()) for backend in rule.get("backendRefs", ())]


def weights(route: Mapping[str, Any] | None) -> dict[str, int]:
    """Service -> its weight in a route."""
    return {str(each["name"]): int(each.get("weight", 1)) for each in backends(route)}
