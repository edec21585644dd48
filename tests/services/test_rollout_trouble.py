"""Why pods are not ready: the cluster's words, as it was seen to say them, and what to do about each."""

from typing import Any

import pytest

from services.rollout.cluster.trouble import ROOM_SECONDS, Seen, trouble_of

POD: dict[str, Any] = {"metadata": {"name": "tiny-1", "uid": "pod", "ownerReferences": [{"uid": "set", "controller": True}]}}
GPU = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No preemption victims found."
)
CPU = "0/1 nodes are available: 1 Insufficient cpu."
AFFINITY = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
PULL = "Back-off pulling image"
QUOTA = 'pods "tiny-1" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
SECURITY = 'pods "tiny-1" is forbidden: violates PodSecurity "restricted:latest"'
MOUNT = 'MountVolume.SetUp failed for volume "keys" : secret "keys" not found'


def deployment(**status: Any) -> dict[str, Any]:
    return {"metadata": {"uid": "deployment", "annotations": {"deployment.kubernetes.io/revision": "2"}}, "status": status}


def condition(kind: str, status: str, message: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "message": message}]}


def container(**told: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"image": "tiny:1", "restartCount": 0, "state": {}, **told}]}


def waiting(reason: str, message: str) -> dict[str, Any]:
    return container(state={"waiting": {"reason": reason, "message": message}})


def ended(count: int, reason: str, code: int) -> dict[str, Any]:
    return container(restartCount=count, lastState={"terminated": {"reason": reason, "exitCode": code}})


def seen(status: dict[str, Any], *events: tuple[str, str], revision: str = "2") -> Seen:
    owner = {"ownerReferences": [{"uid": "deployment", "controller": True}]}
    sets = [{"metadata": {"uid": "set", "annotations": {"deployment.kubernetes.io/revision": revision}, **owner}}]
    told = [{"reason": reason, "message": message, "involvedObject": {"uid": "pod"}} for reason, message in events]
    return Seen([], sets, [POD | {"status": status}], told)


@pytest.mark.parametrize(
    ("status", "events", "what", "hint"),
    [
        (waiting("ImagePullBackOff", PULL), (), "image tiny:1 cannot be pulled", "pullSecrets"),
        (waiting("ErrImageNeverPull", ""), (), "image tiny:1 cannot be pulled: ErrImageNeverPull", "pushed"),
        (waiting("InvalidImageName", "bad"), (), "image tiny:1 cannot be pulled: bad", "pushed"),
        (
            waiting("CreateContainerConfigError", 'secret "database" not found'),
            (),
            "cannot be started",
            "make the secret database",
        ),
        (waiting("RunContainerError", "no such file"), (), "cannot be started: no such file", ""),
        (waiting("ContainerCreating", ""), (("FailedMount", MOUNT),), 'secret "keys" not found', "make the secret keys"),
        (ended(2, "OOMKilled", 137), (), "too much memory, 2 times", "resources.limits.memory"),
        (ended(2, "Error", 1), (), "ends again and again with code 1", "--previous"),
        (condition("PodScheduled", "False", GPU), (), "no node can take a pod", "no free GPU"),
        (condition("PodScheduled", "False", CPU), (), "Insufficient cpu", "add nodes"),
        (condition("PodScheduled", "False", AFFINITY), (), "node affinity", "no node has the labels"),
    ],
)
def test_trouble__is_said_with_what_to_do(
    status: dict[str, Any], events: tuple[tuple[str, str], ...], what: str, hint: str
) -> None:
    found = trouble_of(deployment(), seen(status, *events))

    assert found is not None
    assert what in found.what
    assert hint in found.hint


@pytest.mark.parametrize(("message", "hint"), [(QUOTA, "ResourceQuota"), (SECURITY, "Pod Security")])
def test_trouble__of_pods_that_are_not_admitted(message: str, hint: str) -> None:
    found = trouble_of(deployment(**condition("ReplicaFailure", "True", message)), seen(condition("Ready", "True", "")))

    assert found is not None
    assert message in found.what
    assert hint in found.hint


@pytest.mark.parametrize(
    ("status", "events", "revision"),
    [
        (condition("Ready", "True", ""), (), "2"),
        (ended(1, "Error", 1), (), "2"),
        (waiting("ContainerCreating", ""), (("Pulled", "already present"),), "2"),
        (condition("PodScheduled", "False", CPU), (("TriggeredScaleUp", "pod triggered scale-up"),), "2"),
        (waiting("ImagePullBackOff", PULL), (), "1"),
    ],
    ids=["ready", "restarted once", "starting", "a node comes", "of an earlier revision"],
)
def test_trouble__is_none(status: dict[str, Any], events: tuple[tuple[str, str], ...], revision: str) -> None:
    assert trouble_of(deployment(), seen(status, *events, revision=revision)) is None


def others(found: Seen, metadata: dict[str, Any], status: dict[str, Any]) -> Seen:
    """The same with a second pod."""
    pod = {"metadata": POD["metadata"] | {"name": "tiny-2", "uid": "other"} | metadata, "status": status}
    return Seen([], found.replica_sets, [*found.pods, pod], found.events)


ENDING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
READY = condition("Ready", "True", "")
NO_NODE = condition("PodScheduled", "False", CPU)
FULL = condition("ReplicaFailure", "True", QUOTA)


@pytest.mark.parametrize(
    ("metadata", "other"),
    [({}, waiting("ContainerCreating", "")), (ENDING, condition("Ready", "False", ""))],
    ids=["another starts", "another ends"],
)
@pytest.mark.parametrize(("status", "pod"), [({}, NO_NODE), (FULL, READY)], ids=["node", "quota"])
def test_trouble__of_want_of_room_is_none_while_room_comes(
    status: dict[str, Any], pod: dict[str, Any], metadata: dict[str, Any], other: dict[str, Any]
) -> None:
    assert trouble_of(deployment(**status), others(seen(pod), metadata, other)) is None


@pytest.mark.parametrize(
    ("other", "patience"),
    [(NO_NODE, 20.0), (waiting("ImagePullBackOff", PULL), 20.0), (READY, ROOM_SECONDS)],
    ids=["neither has room", "the other has trouble", "the other is ready"],
)
def test_trouble__of_want_of_room_is_said_where_none_comes(other: dict[str, Any], patience: float) -> None:
    found = trouble_of(deployment(), others(seen(NO_NODE), {}, other))

    assert found is not None
    assert "no node can take a pod" in found.what
    assert found.patience == patience


@pytest.mark.parametrize(
    ("status", "pod", "what"),
    [
        (condition("ReplicaFailure", "True", SECURITY), condition("Ready", "False", ""), "PodSecurity"),
        ({}, condition("PodScheduled", "False", AFFINITY), "node affinity"),
        ({}, waiting("ImagePullBackOff", PULL), "cannot be pulled"),
    ],
)
def test_trouble__that_room_does_not_mend_is_said_beside_pods_that_start(
    status: dict[str, Any], pod: dict[str, Any], what: str
) -> None:
    found = trouble_of(deployment(**status), others(seen(pod), {}, waiting("ContainerCreating", "")))

    assert found is not None
    assert what in found.what


def test_trouble__of_a_pod_that_is_about_to_end_is_none() -> None:
    found = seen(waiting("ImagePullBackOff", PULL))
    pod = dict(found.pods[0]) | {"metadata": POD["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}}

    assert trouble_of(deployment(), Seen([], found.replica_sets, [pod], [])) is None
