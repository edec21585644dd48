"""What keeps a Deployment's pods from being ready, read from what the cluster tells of them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

IMAGE = {"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ErrImagePull"}
NODE_COMES = {"TriggeredScaleUp", "Nominated"}  # said by autoscalers of nodes
BUSY_SECONDS = 90.0  # a node that is short of time mounts late
ROOM_SECONDS = 120.0  # until the cluster tries again to make a pod, which it does ever more seldom
RESTARTS = 2  # of a container, before it counts as crashing
REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Trouble:
    """Why a track is not ready.

    Attributes:
        what: In words, with the cluster's own.
        hint: What to do about it.
        patience: Seconds for which it may be gone by itself; waiting longer is in vain.
        room: Whether it is for want of room alone, which pods that end give.
    """

    what: str
    hint: str
    patience: float
    room: bool = False


@dataclass(frozen=True)
class Seen:
    """What the cluster tells of one release.

    Attributes:
        deployments: Of every track.
        replica_sets: Theirs.
        pods: All, those of earlier revisions too.
        events: About pods of the namespace.
    """

    deployments: Sequence[Mapping[str, Any]]
    replica_sets: Sequence[Mapping[str, Any]]
    pods: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]

    def pods_of(self, deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Its pods of the current revision that are not about to end."""
        wanted = _revision(deployment)
        return [
            pod
            for pod in self._owned(deployment, lambda each: _revision(each) == wanted)
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def ending_of(self, deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Its pods of any revision that are about to end."""
        return [pod for pod in self._owned(deployment, lambda _: True) if "deletionTimestamp" in pod["metadata"]]

    def _owned(self, deployment: Mapping[str, Any], counts: Callable[[Mapping[str, Any]], bool]) -> Iterator[Mapping[str, Any]]:
        uid = deployment["metadata"]["uid"]
        owners = {each["metadata"]["uid"] for each in self.replica_sets if _owner(each) == uid and counts(each)}
        return (pod for pod in self.pods if _owner(pod) in owners)


def trouble_of(deployment: Mapping[str, Any], seen: Seen) -> Trouble | None:
    """The first trouble of a Deployment; None where there is none, or none that the cluster tells.

    Want of room is none while pods of it end, or others of the same revision start: each of those takes the place of an old one.
    Where some have done so, there is more patience with it.
    """
    pods = seen.pods_of(deployment)
    of_pods = [_of_pod(pod, seen.events) for pod in pods]
    starting = any(trouble is None and not is_ready(pod) for pod, trouble in zip(pods, of_pods, strict=True))
    room_comes = starting or bool(seen.ending_of(deployment))
    found = filter(None, [_of_all(deployment), *of_pods])
    trouble = next((trouble for trouble in found if not (trouble.room and room_comes)), None)
    if trouble and trouble.room and any(map(is_ready, pods)):
        return replace(trouble, patience=ROOM_SECONDS)
    return trouble


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod answers."""
    ready = _condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def _of_all(deployment: Mapping[str, Any]) -> Trouble | None:
    refused = _condition(deployment, "ReplicaFailure")
    if refused is None or refused["status"] != "True":
        return None
    return _not_admitted(str(refused.get("message", refused.get("reason", ""))))


def _of_pod(pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Trouble | None:
    if is_ready(pod):
        return None
    scheduled = _condition(pod, "PodScheduled")
    if scheduled and scheduled["status"] == "False":
        coming = any(event.get("reason") in NODE_COMES for event in _about(pod, events))
        return None if coming else _unschedulable(str(scheduled.get("message", "")))
    for container in pod.get("status", {}).get("containerStatuses", ()):
        found = _waiting(pod, container) or _crashing(pod, container)
        if found:
            return found
    return _unmounted(pod, events)


def _waiting(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Trouble | None:
    waiting = container.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE:
        patience = 20.0 if reason == "ErrImagePull" else 3.0
        what = f"image {container['image']} cannot be pulled: {message or reason}"
        return Trouble(what, "is it pushed under that name, and does image.pullSecrets let the cluster read it?", patience)
    if reason == "CreateContainerConfigError":
        return Trouble(f"{_name(pod)} cannot be started: {message}", _secret_hint(message), 5.0)
    if reason in ("CreateContainerError", "RunContainerError"):
        return Trouble(f"{_name(pod)} cannot be started: {message}", "", 10.0)
    return None


def _crashing(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Trouble | None:
    if int(container.get("restartCount", 0)) < RESTARTS:
        return None
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
    if ended.get("reason") == "OOMKilled":
        hint = "raise resources.limits.memory in EVENKEEL_HELM_VALUES, or deploy a smaller model"
        return Trouble(f"{_name(pod)} was ended for taking too much memory, {container['restartCount']} times", hint, 0.0)
    code = ended.get("exitCode", "?")
    return Trouble(f"{_name(pod)} ends again and again with code {code}", f"kubectl logs {_name(pod)} --previous", 0.0)


def _unmounted(pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Trouble | None:
    told = [
        str(event.get("message", ""))
        for event in _about(pod, events)
        if event.get("reason") in ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
    ]
    if not told:
        return None
    patience = 5.0 if "not found" in told[-1] else BUSY_SECONDS
    return Trouble(f"{_name(pod)} cannot be started: {told[-1]}", _secret_hint(told[-1]), patience)


def _unschedulable(message: str) -> Trouble:
    lacking = re.search(r"Insufficient ([\w./-]*\w)", message)
    resource = lacking[1] if lacking else ""
    if "gpu" in resource:
        hint = "the cluster has no free GPU: add a node with one, or set profile: cpu in EVENKEEL_HELM_VALUES"
    elif "node affinity" in message or "didn't match" in message:
        hint = "no node has the labels that profile, nodeSelector or affinity ask for"
    else:
        hint = "add nodes, or lower replicas and resources in EVENKEEL_HELM_VALUES"
    return Trouble(f"no node can take a pod: {message}", hint, 20.0, room=bool(lacking))


def _not_admitted(message: str) -> Trouble:
    full = "exceeded quota" in message
    if full:
        hint = "raise the namespace's ResourceQuota, or lower replicas and resources in EVENKEEL_HELM_VALUES"
    elif "violates PodSecurity" in message:
        hint = "the namespace's Pod Security level refuses it"
    else:
        hint = ""
    return Trouble(f"the cluster makes no pods: {message}", hint, 8.0, room=full)


def _secret_hint(message: str) -> str:
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', message)
    return f"make the {missing[1]} {missing[2]} in the namespace; docs/chart.md tells what it holds" if missing else ""


def _about(pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (event for event in events if event["involvedObject"].get("uid") == pod["metadata"]["uid"])


def _condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    return next((each for each in thing.get("status", {}).get("conditions", ()) if each["type"] == kind), None)


def _revision(thing: Mapping[str, Any]) -> str:
    return str(thing["metadata"].get("annotations", {}).get(REVISION, ""))


def _owner(thing: Mapping[str, Any]) -> str:
    return next((str(each["uid"]) for each in thing["metadata"].get("ownerReferences", ()) if each.get("controller")), "")


def _name(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["name"])
