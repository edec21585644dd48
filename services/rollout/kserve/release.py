"""One use case's objects in a namespace with KServe: made from the chart, brought, compared, taken away."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from model_code.errors import ConfigurationError, EvenkeelError, RolloutError
from model_code.settings import Settings
from services.rollout.base import CHALLENGERS, Staged, Track, Wanted
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.live import BUNDLE, ORDER
from services.rollout.cluster.manifest import altered, take_out_additions
from services.rollout.cluster.plan import Plan
from services.rollout.cluster.values import image_named, read_values
from services.rollout.cluster.vigil import Vigil
from services.rollout.cluster.waiting import pending_after
from services.rollout.helm.program import Helm
from services.rollout.kserve.applied import BESIDE, Object, apply, delete
from services.rollout.kserve.chart import Rendered, rendered
from services.rollout.kserve.history import KServeHistory
from services.rollout.kserve.live import KServeLive

OPTIONAL_GROUPS = ("monitoring.coreos.com/v1",)
KEPT = "PersistentVolumeClaim"  # holds what is not in the store yet
BACK_SECONDS = 60.0  # for the release before to say that it is ready again


class KServeRelease:
    """Everything of one use case.

    Args:
        cluster: The namespace.
        helm: Renders the chart.
        settings: The chart's site values, and the release's name where it is not the use case's.
        usecase: Name of the use case.
        check: Called before something is changed; raises where the lock is lost.
    """

    def __init__(self, cluster: Cluster, helm: Helm, settings: Settings, usecase: str, check: Callable[[], None]) -> None:
        self._cluster, self._helm, self._settings, self._check = cluster, helm, settings, check
        self.usecase, self.name = usecase, settings.release(usecase)
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

    def required(self) -> Plan:
        """What shall run, of a use case that has to be there.

        Raises:
            RolloutError: It is not.
        """
        plan = self.live.plan(self.usecase)
        if plan is None:
            raise RolloutError(f"nothing of {self.usecase} is deployed", hint="deploy a stable release first")
        return plan

    def bring(self, plan: Plan, what: str, timeout: float) -> None:
        """Apply a plan's stable release, with the route and all that is beside it, and wait for it.

        Args:
            plan: What shall run.
            what: What is done, for the history.
            timeout: Seconds until it has to be ready.

        Raises:
            RolloutError: It did not become ready; the release before it is back.
        """
        self._bring_beside(plan)
        self.put(self._rendered(plan).services["stable"], what, timeout)

    def put(self, service: Object, what: str, timeout: float) -> None:
        """Apply a release of stable and wait for it; in place of one that fails, the one before comes back.

        Args:
            service: Its InferenceService.
            what: What is done, for the history.
            timeout: Seconds until it has to be ready.

        Raises:
            RolloutError: It did not become ready.
        """
        before = self.history.newest()
        self._check()
        if before is not None:
            take_out_additions(self._cluster, [before["data"]])
        self.history.record(service, what)
        apply(self._cluster, service)
        try:
            self._until_ready(self.required().alone(), timeout)
        except RolloutError as error:
            if before is None or before["data"] == service:
                raise
            self._check()
            self.history.record(before["data"], f"restored: {what} failed")
            apply(self._cluster, before["data"])
            raise RolloutError(f"{error.message}; {self._back()}", hint=error.hint) from error

    def _back(self) -> str:
        """How the release before is doing once it is applied again; its pods answered all the while, its status takes a moment."""
        try:
            self._until_ready(self.required().alone(), BACK_SECONDS)
        except RolloutError as error:
            return f"the release before it is back, but not ready: {error.message}"
        return "the release before it is back"

    def bring_staged(self, plan: Plan, track: Staged, timeout: float) -> None:
        """Apply the InferenceService of a track beside stable and wait for it; one that does not become ready is ended.

        Raises:
            RolloutError: It did not become ready.
        """
        self._check()
        try:
            apply(self._cluster, self._rendered(plan).services[track])
            self._until_ready(plan, timeout)
        except RolloutError:
            if track == "canary":
                self.live.weigh(0)
            self._end(track)
            raise
        self._bring_beside(plan)

    def end_challengers(self, timeout: float) -> None:
        """Take canary and shadow out of the route, then end their pods.

        Raises:
            RolloutError: They did not end in time.
        """
        self._check()
        plan = self.live.plan(self.usecase)
        if plan is not None:
            self._bring_beside(plan.alone())
        for track in CHALLENGERS:
            self._end(track)
        self._until_gone(CHALLENGERS, timeout)

    def remove(self, timeout: float) -> None:
        """Take everything away, but a volume that may hold predictions.

        Raises:
            RolloutError: The pods did not end in time.
        """
        delete(self._cluster, "HTTPRoute", self.name)
        for track in CHALLENGERS:
            self._end(track)
        self._end("stable")
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/managed-by=evenkeel"
        for kind in BESIDE.keys() - {KEPT}:
            plural, group = BESIDE[kind]
            for each in self._cluster.items(self._cluster.path(plural, group=group), labelSelector=selector):
                delete(self._cluster, kind, each["metadata"]["name"])
        self._until_gone(ORDER, timeout)

    def differences(self, newest: Object | None, wanted: str | None) -> Iterator[str]:
        """Where the cluster is not what release and pointer say, one sentence each.

        Args:
            newest: The newest release, if there is one.
            wanted: The bundle that the pointer wants, if there is a pointer.
        """
        if newest is None:
            return
        for each in altered(self._cluster, [newest["data"]]):
            yield from each.said
        yield from self._beside_differences()
        bundle = newest["data"]["metadata"]["annotations"].get(BUNDLE)
        if wanted is not None and bundle != wanted:
            yield f"the release was made for bundle {str(bundle)[:12]}, the pointer wants {wanted[:12]}"

    def _beside_differences(self) -> Iterator[str]:
        """The same of challengers, the route and all else, of which no history is kept: against what the chart renders now."""
        plan = self.live.plan(self.usecase)
        if plan is None:
            return
        try:
            made = self._rendered(plan)
        except EvenkeelError as error:
            yield f"what stands beside {self.name} cannot be compared: {error.message}"
            return
        staged = [service for track, service in made.services.items() if track != "stable"]
        for each in altered(self._cluster, [*staged, made.route, *made.beside]):
            yield from each.said

    def _rendered(self, plan: Plan) -> Rendered:
        groups = [each for each in OPTIONAL_GROUPS if self._cluster.get(f"/apis/{each}") is not None]
        return rendered(self._helm, self.name, plan.values(self._site()), groups)

    def _bring_beside(self, plan: Plan) -> None:
        """Apply the route, and all that is neither pods nor the controller's."""
        made = self._rendered(plan)
        for each in (*made.beside, made.route):
            apply(self._cluster, each)

    def _end(self, track: Track) -> None:
        delete(self._cluster, "InferenceService", self.live.name(track))

    def _until_ready(self, plan: Plan, seconds: float) -> None:
        if missing := Vigil(self.live, plan).wait(seconds):
            raise RolloutError(f"{self.usecase}: {missing} (after {seconds:g} s)", hint="what answered before goes on")

    def _until_gone(self, tracks: Sequence[Track], seconds: float) -> None:
        """Wait until every pod of these tracks has been told to end; it drains then by itself."""
        if left := pending_after(lambda: self.live.running(tracks), seconds):
            raise RolloutError(f"{', '.join(left)} did not end in {seconds:g} s", hint="does the controller run? try it again")

    def _site(self) -> dict[str, Any]:
        file = self._settings.helm_values
        if file is None:
            hint = "name the operator's values file of helm/model-service; KServe keeps none"
            raise ConfigurationError("EVENKEEL_HELM_VALUES is not set", hint=hint)
        return read_values(file)
