"""What a release really runs: its tracks, the share of requests, and where that is not what the release says."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
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

    def __init__(self, cluster: Cluster, release: str) -> None:
        self._cluster, self._release = cluster, release
        self._unheard = 0

    def seen(self) -> Seen:
        """Deployments, pods and what the cluster complains of.

        Raises:
            RolloutError: The cluster cannot be asked.
        """
        selector = f"app.kubernetes.io/instance={self._release},app.kubernetes.io/component=service"
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
        weights = {name: weight for name, weight in _weights(route)}
        found = [
            self._track(deployment, seen, weights.get(str(deployment["metadata"]["name"])))
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
            with contextlib.suppress(Conflict):  # the gateway's controller writes its status into the same object
                return self._weigh(percent)
        raise RolloutError(f"HTTPRoute {self._release} changes too often to be written", hint="who else writes it?")

    def port(self, track: Track) -> tuple[str, int]:
        """Name and port of a track's Service.

        Raises:
            RolloutError: There is none.
        """
        name = self._release if track == "stable" else f"{self._release}-{track}"
        service = self._cluster.get(self._cluster.path("services", name))
        if service is None:
            raise RolloutError(f"no Service {name} in namespace {self._cluster.namespace}", hint=f"{track} is not deployed there")
        return name, int(service["spec"]["ports"][0]["port"])

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
        route, canary = self.route(), f"{self._release}-canary"
        backends = {str(each["name"]): each for each in _backends(route)}
        if route is None or canary not in backends:
            return False
        for name, backend in backends.items():
            backend["weight"] = percent if name == canary else 100 - percent
        path = self._cluster.path("httproutes", self._release, GATEWAY)
        body = {"spec": {"rules": route["spec"]["rules"]}, "metadata": {"resourceVersion": route["metadata"]["resourceVersion"]}}
        self._cluster.call("PATCH", path, body=body, content=MERGE, query={"fieldManager": "helm"})
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


def differences(manifest: Sequence[Mapping[str, Any]], seen: Seen, route: Mapping[str, Any] | None) -> list[str]:
    """Where the cluster runs something other than the release says, one sentence each."""
    return [*_deployed(manifest, seen), *_routed(manifest, route)]


def _deployed(manifest: Sequence[Mapping[str, Any]], seen: Seen) -> Iterator[str]:
    live = {each["metadata"]["name"]: each for each in seen.deployments}
    told = {each["metadata"]["name"]: each for each in manifest if each["kind"] == "Deployment"}
    for name, wanted in told.items():
        found = live.get(name)
        if found is None:
            yield f"Deployment {name} of the release is gone"
            continue
        if image_of(found) != image_of(wanted):
            yield f"{name} runs image {image_of(found)}, the release says {image_of(wanted)}"
        replicas = wanted["spec"].get("replicas")
        if replicas is not None and replicas != found["spec"].get("replicas"):
            yield f"{name} has {found['spec'].get('replicas')} replicas, the release says {replicas}"
        if _pin(found) != _pin(wanted):
            yield f"{name} is pinned to bundle {_pin(found) or 'none'}, the release says {_pin(wanted) or 'none'}"
    for name in live.keys() - told.keys():
        yield f"Deployment {name} is not of this release"


def _routed(manifest: Sequence[Mapping[str, Any]], route: Mapping[str, Any] | None) -> Iterator[str]:
    told = next((each for each in manifest if each["kind"] == "HTTPRoute"), None)
    if told is None:
        return
    wanted, found = dict(_weights(told)), dict(_weights(route))
    if route is None:
        yield f"HTTPRoute {told['metadata']['name']} of the release is gone"
    elif wanted != found:
        yield f"the route shares requests out as {_shares(found)}, the release says {_shares(wanted)}"


def _backends(route: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [backend for rule in (route or {}).get("spec", {}).get("rules", ()) for backend in rule.get("backendRefs", ())]


def _weights(route: Mapping[str, Any] | None) -> list[tuple[str, int]]:
    return [(str(each["name"]), int(each.get("weight", 1))) for each in _backends(route)]


def _shares(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {weight}" for name, weight in weights.items()) or "none"


def _pin(deployment: Mapping[str, Any]) -> str:
    environment = deployment["spec"]["template"]["spec"]["containers"][0].get("env", ())
    return next((str(each.get("value", "")) for each in environment if each["name"] == "EVENKEEL_PIN"), "")
