"""What a cluster tells of a use case's InferenceServices: which models shall run, and what their controller made of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.rollout.base import CHALLENGERS, Track, TrackStatus
from services.rollout.cluster.live import BUNDLE, ORDER, TRACK, VERSION, Live, weights
from services.rollout.cluster.plan import Challenger, Plan
from services.rollout.cluster.trouble import Seen
from services.rollout.kserve.applied import ISVC
from services.rollout.kserve.objects import conditions, predictor
from services.rollout.kserve.wire import read

if TYPE_CHECKING:
    from kserve.models import V1beta1InferenceService


class KServeLive(Live):
    """The objects of one use case, read at each call; Deployments and Services are those that the controller makes.

    Args:
        cluster: Where they are.
        release: Name of everything.
    """

    manager = "evenkeel"

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

    def service(self, track: Track) -> str:
        """Name of the Service that the controller makes for a track."""
        return predictor(self.name(track))

    def plan(self, usecase: str) -> Plan | None:
        """What shall run, as the InferenceServices and the route say; None where nothing is deployed."""
        services = self.services()
        if "stable" not in services:
            return None
        noted = {track: _noted(service) for track, service in services.items()}
        staged = {track: Challenger(**noted[track]) for track in CHALLENGERS if track in noted}
        if "canary" in staged:
            staged["canary"] = staged["canary"].model_copy(update={"weight": self.weight()})
        return Plan.model_validate({"usecase": usecase, **noted["stable"], **staged})

    def weight(self) -> int:
        """Percent of the requests that the route gives to the canary."""
        return weights(self.route()).get(self.service("canary"), 0)

    def tracks(self, seen: Seen, route: Mapping[str, Any] | None) -> tuple[TrackStatus, ...]:
        """Every track that is there; one that no controller brought about yet has no pods."""
        made = {each.track: each for each in super().tracks(seen, route)}
        return tuple(_told(track, service, made.get(track)) for track, service in self.services().items())

    def running(self, tracks: Sequence[Track]) -> list[str]:
        """InferenceServices and pods of these tracks that nobody has told to end."""
        names = [self.name(track) for track, service in self.services().items() if track in tracks]
        pods = [pod["metadata"] for pod in self.seen().pods if pod["metadata"]["labels"].get(TRACK) in tracks]
        return [*names, *(each["name"] for each in pods if "deletionTimestamp" not in each)]


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
