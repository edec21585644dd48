"""What a cluster tells of a use case's InferenceServices: which models shall run, and what their controller made of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from model_code.errors import RolloutError
from services.rollout.base import Track, TrackStatus
from services.rollout.cluster.api import MERGE, Cluster, Conflict
from services.rollout.cluster.live import BUNDLE, GATEWAY, ORDER, TRACK, VERSION, Live
from services.rollout.cluster.plan import Challenger, Plan
from services.rollout.cluster.trouble import Seen
from services.rollout.kserve.applied import ISVC
from services.rollout.kserve.objects import conditions, predictor
from services.rollout.kserve.wire import read

if TYPE_CHECKING:
    from kserve.models import V1beta1InferenceService

ATTEMPTS = 5


class KServeLive(Live):
    """The objects of one use case, read at each call; Deployments and Services are those that the controller makes.

    Args:
        cluster: Where they are.
        release: Name of everything.
    """

    def __init__(self, cluster: Cluster, release: str) -> None:
        super().__init__(cluster, release)
        self._cluster, self._release = cluster, release

    def services(self) -> dict[Track, "V1beta1InferenceService"]:
        """The InferenceServices that are there and are not about to end.

        Raises:
            RolloutError: The cluster cannot be asked.
        """
        told = {track: self._cluster.get(self._cluster.path(ISVC[0], self.name(track), ISVC[1])) for track in ORDER}
        return {
            track: read("V1beta1InferenceService", each, exact=False)
            for track, each in told.items()
            if each is not None and "deletionTimestamp" not in each["metadata"]
        }

    def name(self, track: Track) -> str:
        """Of a track's InferenceService."""
        return self._release if track == "stable" else f"{self._release}-{track}"

    def plan(self, usecase: str) -> Plan | None:
        """What shall run, as the InferenceServices and the route say; None where nothing is deployed."""
        services = self.services()
        if "stable" not in services:
            return None
        noted = {track: _noted(service) for track, service in services.items()}
        staged = {track: Challenger(**noted[track]) for track in ("canary", "shadow") if track in noted}
        if "canary" in staged:
            staged["canary"] = staged["canary"].model_copy(update={"weight": self.weight()})
        return Plan.model_validate({"usecase": usecase, **noted["stable"], **staged})

    def weight(self) -> int:
        """Percent of the requests that the route gives to the canary."""
        canary = predictor(self.name("canary"))
        return next((int(each.get("weight", 1)) for each in self._backends(self.route()) if each["name"] == canary), 0)

    def weigh(self, percent: int) -> bool:
        """Give the canary that share in the route itself, at once; False where there is no route with a canary.

        Raises:
            RolloutError: The cluster cannot be asked, or refuses.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._weigh(percent)
            except Conflict:  # somebody else wrote the route in between: look again
                if attempt == ATTEMPTS - 1:
                    raise
        return False

    def tracks(self, seen: Seen, route: Mapping[str, Any] | None) -> tuple[TrackStatus, ...]:
        """Every track that is there; one that no controller brought about yet has no pods."""
        made = {each.track: each for each in super().tracks(seen, route)}
        return tuple(_told(track, service, made.get(track)) for track, service in self.services().items())

    def running(self, tracks: Sequence[Track]) -> list[str]:
        """InferenceServices and pods of these tracks that nobody has told to end."""
        names = [self.name(track) for track, service in self.services().items() if track in tracks]
        pods = [pod["metadata"] for pod in self.seen().pods if pod["metadata"]["labels"].get(TRACK) in tracks]
        return [*names, *(each["name"] for each in pods if "deletionTimestamp" not in each)]

    def port(self, track: Track) -> tuple[str, int]:
        """Name and port of a track's Service; one without an address of its own leads to the pods' ports as they are.

        Raises:
            RolloutError: There is none.
        """
        name = predictor(self.name(track))
        service = self._cluster.get(self._cluster.path("services", name))
        if service is None:
            raise RolloutError(f"no Service {name} in namespace {self._cluster.namespace}", hint=f"{track} is not deployed there")
        first = service["spec"]["ports"][0]
        return name, int(first["targetPort"] if service["spec"].get("clusterIP") == "None" else first["port"])

    def _weigh(self, percent: int) -> bool:
        route, canary = self.route(), predictor(self.name("canary"))
        backends = {str(each["name"]): each for each in self._backends(route)}
        if route is None or canary not in backends:
            return False
        for name, backend in backends.items():
            backend["weight"] = percent if name == canary else 100 - percent
        path = self._cluster.path("httproutes", self._release, GATEWAY)
        body = {"spec": {"rules": route["spec"]["rules"]}, "metadata": {"resourceVersion": route["metadata"]["resourceVersion"]}}
        self._cluster.call("PATCH", path, body=body, content=MERGE, query={"fieldManager": "evenkeel"})
        return True

    def _backends(self, route: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        return [backend for rule in (route or {}).get("spec", {}).get("rules", ()) for backend in rule.get("backendRefs", ())]


def _told(track: Track, service: "V1beta1InferenceService", made: TrackStatus | None) -> TrackStatus:
    noted, said = _noted(service), conditions(service)
    if made is not None and noted == made.model_dump(include=set(noted)):
        return made
    failed = [f"{kind}: {message}" for kind, (status, message) in said.items() if status == "False" and message]
    why = "; ".join(failed) or "the controller has not brought it about yet"
    reason = why if made is not None or said else "no KServe controller has looked at it"
    before = made.model_dump(include={"replicas", "weight"}) if made is not None else {}
    least = {"replicas": service.spec.predictor.min_replicas or 1}
    return TrackStatus(track=track, **noted, **{**least, **before}, reason=reason)


def _noted(service: "V1beta1InferenceService") -> dict[str, str]:
    notes = service.metadata.annotations or {}
    image = service.spec.predictor.containers[0].image
    return {"version": notes.get(VERSION, ""), "bundle": notes.get(BUNDLE, ""), "image": image}
