"""Rollout to a Helm release of the chart `helm/model-service`, one for each use case."""

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.base import Busy, Revision, Staged, TargetStatus, Wanted
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.live import Live
from services.rollout.cluster.plan import Plan
from services.rollout.cluster.target import ClusterTarget
from services.rollout.cluster.values import read_values
from services.rollout.helm.history import origin_of
from services.rollout.helm.program import Helm
from services.rollout.helm.release import HelmRelease
from services.rollout.pointed import difference, require_pointer


class HelmTarget(ClusterTarget):
    """Releases of one namespace.

    Args:
        settings: Namespace, name of the release, the operator's values, and where the pointer is.
        cluster: Default: the one that KUBECONFIG names, or that this pod runs in.
        helm: Default: the program.
    """

    name = "helm"

    def __init__(self, settings: Settings, cluster: Cluster | None = None, helm: Helm | None = None) -> None:
        super().__init__(settings, cluster)
        self._helm = helm or Helm(settings.namespace)

    @property
    def weighted(self) -> bool:
        """Whether the operator's values have a gateway; without a file, the release tells when it is asked."""
        file = self._settings.helm_values
        return file is None or bool(read_values(file).get("gateway", {}).get("enabled"))

    def deploy(self, wanted: Wanted, *, timeout: float = 120.0) -> TargetStatus:
        """Bring stable to that image and model; what runs it already is only waited for."""
        require_pointer(self._settings, wanted.usecase, wanted.bundle)
        with self.lock(wanted.usecase):
            release = self._release(wanted.usecase)
            plan, held = release.settled()
            if plan is None and wanted.image is None:
                raise RolloutError(
                    f"no image of {wanted.usecase} runs in namespace {self._cluster.namespace} yet",
                    hint=f"make image USECASE={wanted.usecase} VERSION={wanted.version}, push it, and name it: IMAGE=…",
                )
            new = (
                Plan(image=wanted.image or "", **wanted.model_dump(exclude={"image"}))
                if plan is None
                else plan.with_stable(wanted)
            )
            release.bring(new, held, "deploy", timeout)
            return self.status(wanted.usecase)

    def stage(self, wanted: Wanted, track: Staged, *, timeout: float = 120.0) -> TargetStatus:
        """Start that track beside stable, with none of the requests, and wait until it answers."""
        with self.lock(wanted.usecase):
            release = self._release(wanted.usecase)
            plan, held = release.required()
            release.bring(plan.with_staged(wanted, track), held, track, timeout)
            return self.status(wanted.usecase)

    def traffic(self, usecase: str, percent: int) -> TargetStatus:
        """Weigh the route; 0 reaches it before anything else is looked at, and needs no lock."""
        release = self._release(usecase)
        if percent == 0:
            release.live.weigh(0)
        try:
            with self.lock(usecase):
                plan, held = release.required()
                if percent or plan.canary:
                    _require_canary(release, plan, percent)
                    release.bring(plan.with_weight(percent), held, "traffic", None)
        except Busy:
            if percent:
                raise
        return self.status(usecase)

    def promote(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Stable gets the canary's image and notes, and the canary ends; done already is fine."""
        with self.lock(usecase):
            release = self._release(usecase)
            plan, held = release.required()
            new = plan.promoted() if plan.canary else plan.alone()
            require_pointer(self._settings, usecase, new.bundle)
            release.bring(new, held, "promote", timeout)
            return self.status(usecase)

    def withdraw(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """The route leads to stable alone at once; then canary and shadow end."""
        release = self._release(usecase)
        release.live.weigh(0)
        with self.lock(usecase):
            plan, held = release.settled()
            if plan is not None:
                release.bring(plan.alone(), held, "withdraw", None)
                release.until_alone(timeout)
        return self.status(usecase)

    def rollback(self, usecase: str, *, revision: int | None = None, timeout: float = 120.0) -> TargetStatus:
        """`helm rollback` to a revision that held; one that was returned to already is only waited for."""
        with self.lock(usecase):
            release = self._release(usecase)
            history = release.revisions.settle()  # read once: each look at it is a tenth of a second of the rollback
            held, done = history.held, history.returned_to()
            if held is None:
                raise release.absent()
            goal = revision or done or history.earlier()
            if goal is None:
                raise RolloutError(
                    f"{usecase} ran nothing else before", hint="the pointer goes back by `make rollback`, in a second"
                )
            if goal in (held.revision, origin_of(held), done):
                release.bring(release.required()[0], held, "rollback", timeout)
            else:
                release.return_to(goal, history, timeout)
            return self.status(usecase)

    def status(self, usecase: str) -> TargetStatus:
        """What helm, the cluster and the pointer say."""
        release = self._release(usecase)
        history, seen, route = release.revisions.read(), release.live.seen(), release.live.route()
        tracks = release.live.tracks(seen, route)
        newest, held = history.newest, history.held
        if newest is None:
            return TargetStatus(target=self.name, usecase=usecase, tracks=tracks)
        differs = release.differences((held or newest).revision, seen)
        stable = next((each for each in tracks if each.track == "stable"), None)
        pointed = difference(self._settings, usecase, stable.bundle if stable else None)
        return TargetStatus(
            target=self.name,
            usecase=usecase,
            revision=held.revision if held else None,
            tracks=tracks,
            differs=tuple(filter(None, [*differs, pointed])),
            reason="" if newest.status == "deployed" else f"revision {newest.revision} is {newest.status}: {newest.description}",
        )

    def history(self, usecase: str) -> tuple[Revision, ...]:
        """Helm's history, with what each revision ran."""
        return self._release(usecase).revisions.read().told()

    def stop(self, usecase: str) -> None:
        """Uninstall the release; a claim with predictions stays."""
        with self.lock(usecase):
            self._helm.uninstall(self._settings.release(usecase), wait=120.0)

    def _live(self, usecase: str) -> Live:
        return self._release(usecase).live

    def _release(self, usecase: str) -> HelmRelease:
        return HelmRelease(self._cluster, self._helm, self._settings, usecase, self._check_of(usecase))


def _require_canary(release: HelmRelease, plan: Plan, percent: int) -> None:
    route = release.live.route()
    canary = next((each for each in release.live.tracks(release.live.seen(), route) if each.track == "canary"), None)
    plan.with_weight(percent)
    if percent and route is None:
        raise RolloutError(
            f"{release.usecase} has no HTTPRoute to share requests out", hint="set gateway.enabled in EVENKEEL_HELM_VALUES"
        )
    if percent and (canary is None or not canary.ready):
        why = canary.reason if canary else "it is gone"
        raise RolloutError(f"the canary of {release.usecase} is not ready: {why}", hint="stage it again")
