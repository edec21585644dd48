"""Where the cluster runs something other than a Helm release says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.rollout.cluster.live import image_of, weights
from services.rollout.cluster.trouble import Seen


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
    wanted, found = weights(told), weights(route)
    if route is None:
        yield f"HTTPRoute {told['metadata']['name']} of the release is gone"
    elif wanted != found:
        yield f"the route shares requests out as {_shares(found)}, the release says {_shares(wanted)}"


def _shares(shared: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {weight}" for name, weight in shared.items()) or "none"


def _pin(deployment: Mapping[str, Any]) -> str:
    environment = deployment["spec"]["template"]["spec"]["containers"][0].get("env", ())
    return next((str(each.get("value", "")) for each in environment if each["name"] == "EVENKEEL_PIN"), "")
