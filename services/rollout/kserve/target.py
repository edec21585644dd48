"""Rollout to KServe: an InferenceService for each track in Standard mode, weighed by an HTTPRoute of our own.

KServe's own canary does not do it for a container of one's own: `canaryTrafficPercent` is ignored outside of Knative, and
`spec.canary` refuses custom containers. Two InferenceServices and a route of weights work with every controller.
"""

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.base import Revision, Staged, TargetStatus, Wanted
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.target import ClusterTarget
from services.rollout.helm.program import Helm
from services.rollout.kserve.live import KServeLive
from services.rollout.kserve.release import KServeRelease
from services.rollout.pointed import pointer_of, require_pointer

STOP_SECONDS = 60.0


class KServeTarget(ClusterTarget):
    """InferenceServices of one namespace.

    Args:
        settings: Namespace, the chart's site values, and the SQL store with the pointer.
        cluster: Default: the one that KUBECONFIG names, or that this pod runs in.
        helm: Renders the chart. Default: the program.
    """

    name = "kserve"
    weighted = True

    def __init__(self, settings: Settings, cluster: Cluster | None = None, helm: Helm | None = None) -> None:
        super().__init__(settings, cluster)
        self._helm = helm or Helm(settings.namespace)

    def deploy(self, wanted: Wanted, *, timeout: float = 120.0) -> TargetStatus:
        """Make that the stable track; where it does not become ready, the release before comes back."""
        with self.lock(wanted.usecase):
            require_pointer(self._settings, wanted.usecase, wanted.bundle)
            release = self._release(wanted.usecase)
            plan = release.live.plan(wanted.usecase)
            release.bring(plan.with_stable(wanted) if plan else release.first(wanted), "deploy", timeout)
            return self.status(wanted.usecase)

    def stage(self, wanted: Wanted, track: Staged, *, timeout: float = 120.0) -> TargetStatus:
        """Start an InferenceService beside stable's that serves this bundle alone; one that does not become ready is ended."""
        with self.lock(wanted.usecase):
            release = self._release(wanted.usecase)
            before = release.required()
            plan = before.with_staged(wanted.model_copy(update={"image": wanted.image or before.image}), track)
            if track == "canary" and plan != before:
                release.live.weigh(0)
            release.bring_staged(plan, track, timeout)
            return self.status(wanted.usecase)

    def traffic(self, usecase: str, percent: int) -> TargetStatus:
        """Give the canary that share of the requests; 0 needs no lock, more needs a canary that is ready."""
        release = self._release(usecase)
        if percent == 0:
            release.live.weigh(0)
            return self.status(usecase)
        with self.lock(usecase):
            canary = self.status(usecase).track("canary")
            if canary is None or not canary.ready:
                why = canary.reason if canary else "there is none"
                raise RolloutError(
                    f"the canary of {usecase} gets no requests: {why}", hint="stage it first, and look at `status`"
                )
            if not release.live.weigh(percent):
                raise RolloutError(f"the route of {usecase} has no canary", hint="stage it again")
            return self.status(usecase)

    def promote(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Make the canary's release stable's, then take the requests from the canary, then end it."""
        with self.lock(usecase):
            release = self._release(usecase)
            plan = release.required()
            chosen = plan.canary or plan
            require_pointer(self._settings, usecase, chosen.bundle)
            wanted = Wanted(usecase=usecase, version=chosen.version, bundle=chosen.bundle, image=chosen.image)
            release.bring(plan.with_stable(wanted), "promote", timeout)
            release.end_challengers(timeout)
            return self.status(usecase)

    def withdraw(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Take all requests from the canary at once, then end canary and shadow."""
        release = self._release(usecase)
        release.live.weigh(0)
        with self.lock(usecase):
            release.end_challengers(timeout)
            return self.status(usecase)

    def rollback(self, usecase: str, *, revision: int | None = None, timeout: float = 120.0) -> TargetStatus:
        """Apply an earlier release again; it becomes the newest one."""
        with self.lock(usecase):
            release = self._release(usecase)
            chosen, what = release.history.earlier(revision)
            release.put(chosen, what, timeout)
            return self.status(usecase)

    def status(self, usecase: str) -> TargetStatus:
        """What runs, by the InferenceServices, their pods, the route and the pointer."""
        release = self._release(usecase)
        seen, route = release.live.seen(), release.live.route()
        newest, pointer = release.history.newest(), pointer_of(self._settings, usecase)
        return TargetStatus(
            target=self.name,
            usecase=usecase,
            revision=int(newest["revision"]) if newest else None,
            tracks=release.live.tracks(seen, route),
            differs=tuple(release.differences(newest, pointer.wanted if pointer else None)),
        )

    def history(self, usecase: str) -> tuple[Revision, ...]:
        """Releases of the stable track, newest first."""
        return self._release(usecase).history.revisions()

    def stop(self, usecase: str) -> None:
        """End the pods, the route and what was made beside them; a volume with predictions stays."""
        with self.lock(usecase):
            release = self._release(usecase)
            release.remove(STOP_SECONDS)
            release.history.forget()

    def _live(self, usecase: str) -> KServeLive:
        return self._release(usecase).live

    def _release(self, usecase: str) -> KServeRelease:
        return KServeRelease(self._cluster, self._helm, self._settings, usecase, self._check_of(usecase))
