"""What the chart renders for a use case, carried over to KServe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_code.errors import RolloutError
from services.rollout.base import Track
from services.rollout.cluster.live import TRACK
from services.rollout.helm.program import Helm
from services.rollout.kserve.applied import BESIDE, Object
from services.rollout.kserve.objects import inference_service, predictor
from services.rollout.kserve.wire import written

PORT = 80  # of every Service that the controller makes
MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True)
class Rendered:
    """Everything of one use case.

    Attributes:
        services: Track -> its InferenceService, as JSON.
        route: The HTTPRoute that shares requests out.
        beside: The other objects: account, policies, budget, monitor.
    """

    services: Mapping[Track, Object]
    route: Object
    beside: tuple[Object, ...]


def rendered(helm: Helm, release: str, values: Mapping[str, Any], groups: Sequence[str]) -> Rendered:
    """The objects of a use case.

    Args:
        helm: Renders the chart.
        release: Name of everything.
        values: All values of the chart.
        groups: API groups of the cluster that the chart asks for.

    Raises:
        RolloutError: The chart refuses the values, or renders what KServe cannot do.
    """
    objects = helm.rendered(release, values, groups)
    routes = [each for each in objects if each["kind"] == "HTTPRoute"]
    if not routes:
        raise RolloutError(
            "KServe's requests are shared out by an HTTPRoute, and the chart renders none",
            hint="set gateway.enabled and gateway.name in EVENKEEL_HELM_VALUES",
        )
    scalers = {each["spec"]["scaleTargetRef"]["name"]: each for each in objects if each["kind"] == "HorizontalPodAutoscaler"}
    deployments = [each for each in objects if each["kind"] == "Deployment"]
    services: dict[Track, Object] = {
        _track(each): _ours(written(inference_service(each, scalers.get(each["metadata"]["name"])))) for each in deployments
    }
    return Rendered(services, _ours(_to_predictors(routes[0])), tuple(_ours(each) for each in objects if each["kind"] in BESIDE))


def _track(deployment: Mapping[str, Any]) -> Track:
    found: Track = deployment["spec"]["template"]["metadata"]["labels"][TRACK]
    return found


def _to_predictors(route: Object) -> Object:
    """The route, with the Services that the controller makes in place of the chart's."""
    rules = [
        {**rule, "backendRefs": [{**ref, "name": predictor(ref["name"]), "port": PORT} for ref in rule["backendRefs"]]}
        for rule in route["spec"]["rules"]
    ]
    return {**route, "spec": {**route["spec"], "rules": rules}}


def _ours(wanted: Object) -> Object:
    """Not Helm's: no release of Helm knows of it."""
    labels = {**wanted["metadata"].get("labels", {}), MANAGED_BY: "evenkeel"}
    return {**wanted, "metadata": {**wanted["metadata"], "labels": labels}}
