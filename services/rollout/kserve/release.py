"""One use case's objects in a namespace with KServe: made from the chart, compared, taken away."""

from collections.abc import Iterator
from typing import Any

from model_code.errors import ConfigurationError, RolloutError
from model_code.settings import Settings
from services.rollout.base import Track, Wanted
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.live import BUNDLE
from services.rollout.cluster.plan import Plan
from services.rollout.cluster.values import image_named, read_values
from services.rollout.helm.program import Helm
from services.rollout.kserve.applied import BESIDE, ISVC, Object, apply, delete
from services.rollout.kserve.chart import Rendered, rendered
from services.rollout.kserve.differences import changed
from services.rollout.kserve.history import KServeHistory
from services.rollout.kserve.live import KServeLive

OPTIONAL_GROUPS = ("monitoring.coreos.com/v1",)
KEPT = "PersistentVolumeClaim"  # holds what is not in the store yet


class KServeRelease:
    """Everything of one use case.

    Args:
        cluster: The namespace.
        helm: Renders the chart.
        settings: The chart's site values, and the release's name where it is not the use case's.
        usecase: Name of the use case.
    """

    def __init__(self, cluster: Cluster, helm: Helm, settings: Settings, usecase: str) -> None:
        self._cluster, self._helm, self._settings, self.usecase = cluster, helm, settings, usecase
        self.name = settings.release(usecase)
        self.live, self.history = KServeLive(cluster, self.name), KServeHistory(cluster, self.name)

    def first(self, wanted: Wanted) -> Plan:
        """The plan of a use case of which nothing runs yet.

        Raises:
            RolloutError: No image is known.
        """
        image = wanted.image or image_named(self._site())
        if image is None:
            raise RolloutError(f"no image of {self.usecase} is known", hint="name it: IMAGE=repository:tag")
        return Plan(usecase=self.usecase, version=wanted.version, bundle=wanted.bundle, image=image)

    def rendered(self, plan: Plan) -> Rendered:
        """The objects of a plan.

        Raises:
            RolloutError: The chart refuses the site's values, or KServe cannot do what they ask.
        """
        groups = [each for each in OPTIONAL_GROUPS if self._cluster.get(f"/apis/{each}") is not None]
        return rendered(self._helm, self.name, plan.values(self._site()), groups)

    def bring(self, plan: Plan, track: Track) -> None:
        """Apply one track's InferenceService."""
        self.apply(self.rendered(plan).services[track])

    def bring_beside(self, plan: Plan) -> None:
        """Apply the route, and all that is neither pods nor the controller's."""
        made = self.rendered(plan)
        for each in (*made.beside, made.route):
            self.apply(each)

    def apply(self, wanted: Object) -> None:
        """Bring one object to that."""
        apply(self._cluster, wanted)

    def end(self, track: Track) -> None:
        """End a track's pods; none is fine."""
        delete(self._cluster, "InferenceService", self.live.name(track))

    def remove(self) -> None:
        """Take everything away, but a volume that may hold predictions."""
        delete(self._cluster, "HTTPRoute", self.name)
        for track in ("canary", "shadow", "stable"):
            self.end(track)
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/managed-by=evenkeel"
        for kind in BESIDE.keys() - {KEPT}:
            plural, group = BESIDE[kind]
            for each in self._cluster.items(self._cluster.path(plural, group=group), labelSelector=selector):
                delete(self._cluster, kind, each["metadata"]["name"])

    def differences(self, newest: Object | None, wanted: str | None) -> Iterator[str]:
        """Where the cluster is not what release and pointer say, one sentence each.

        Args:
            newest: The newest release, if there is one.
            wanted: The bundle that the pointer wants, if there is a pointer.
        """
        if newest is None:
            return
        told = self._cluster.get(self._cluster.path(ISVC[0], self.name, ISVC[1]))
        if told is None:
            yield f"InferenceService {self.name} of release {newest['revision']} is gone"
            return
        yield from changed(newest["data"]["spec"], told["spec"], f"InferenceService {self.name}")
        bundle = newest["data"]["metadata"]["annotations"].get(BUNDLE)
        if wanted is not None and bundle != wanted:
            yield f"the release was made for bundle {str(bundle)[:12]}, the pointer wants {wanted[:12]}"

    def _site(self) -> dict[str, Any]:
        file = self._settings.helm_values
        if file is None:
            hint = "name the operator's values file of helm/model-service; KServe keeps none"
            raise ConfigurationError("EVENKEEL_HELM_VALUES is not set", hint=hint)
        return read_values(file)
