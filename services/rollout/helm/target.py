"""Rollout to a Helm release of the chart `helm/model-service`, one for each use case."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from model_code.errors import ConfigurationError, RolloutError
from model_code.settings import Settings
from services.rollout.base import Busy, Revision, Staged, Target, TargetStatus, Track, Wanted
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.forward import reached
from services.rollout.cluster.lease import Lease
from services.rollout.cluster.live import TRACK, Live, differences
from services.rollout.cluster.plan import Plan, operators_of
from services.rollout.cluster.vigil import Vigil
from services.rollout.helm.history import Revisions
from services.rollout.helm.program import Helm, Recorded
from services.rollout.pointed import difference, require_pointer

POLL_SECONDS = 0.5


class HelmTarget(Target):
    """Releases in the namespace of the settings, in the cluster that KUBECONFIG names or that this pod runs in.

    Args:
        settings: Namespace, name of the release, the operator's values, and where the pointer is.
    """

    name = "helm"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster = Cluster(settings.namespace)
        self._helm = Helm(settings.namespace)
        self._held: dict[str, Lease] = {}

    @property
    def weighted(self) -> bool:
        """Whether the operator's values have a gateway; without a file, the release tells when it is asked."""
        return self._settings.helm_values is None or bool(self._operators("").get("gateway", {}).get("enabled"))

    @contextmanager
    def lock(self, usecase: str) -> Iterator[None]:
        """Hold a Lease of the namespace, renewed until the end of the block; within it, again is fine.

        Raises:
            Busy: Somebody else holds and renews it.
            RolloutError: The cluster cannot be asked.
        """
        if usecase in self._held:
            self._held[usecase].check()
            yield
            return
        lease = Lease(self._cluster, f"evenkeel-rollout-{self._settings.release(usecase)}")
        lease.acquire()
        self._held[usecase] = lease
        try:
            yield
        finally:
            del self._held[usecase]
            with contextlib.suppress(RolloutError):  # what cannot be given back expires by itself
                lease.release()

    def deploy(self, wanted: Wanted, *, timeout: float = 120.0) -> TargetStatus:
        """Bring stable to that image and model; what runs it already is only waited for."""
        require_pointer(self._settings, wanted.usecase, wanted.bundle)
        with self.lock(wanted.usecase):
            plan, held = self._settled(wanted.usecase)
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
            return self._bring(new, held, "deploy", timeout)

    def stage(self, wanted: Wanted, track: Staged, *, timeout: float = 120.0) -> TargetStatus:
        """Start that track beside stable, with none of the requests, and wait until it answers."""
        with self.lock(wanted.usecase):
            plan, held = self._required(wanted.usecase)
            return self._bring(plan.with_staged(wanted, track), held, track, timeout)

    def traffic(self, usecase: str, percent: int) -> TargetStatus:
        """Weigh the route; 0 reaches it before anything else is looked at, and needs no lock."""
        if percent == 0:
            self._live(usecase).weigh(0)
        try:
            with self.lock(usecase):
                plan, held = self._required(usecase)
                if percent or plan.canary:
                    self._require_canary(usecase, plan, percent)
                    self._bring(plan.with_weight(percent), held, "traffic", None)
        except Busy:
            if percent:
                raise
        return self.status(usecase)

    def promote(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Stable gets the canary's image and notes, and the canary ends; done already is fine."""
        with self.lock(usecase):
            plan, held = self._required(usecase)
            new = plan.promoted() if plan.canary else plan.alone()
            require_pointer(self._settings, usecase, new.bundle)
            return self._bring(new, held, "promote", timeout)

    def withdraw(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """The route leads to stable alone at once; then canary and shadow end."""
        self._live(usecase).weigh(0)
        with self.lock(usecase):
            plan, held = self._settled(usecase)
            if plan is not None:
                self._bring(plan.alone(), held, "withdraw", None)
                self._until_alone(usecase, timeout)
        return self.status(usecase)

    def rollback(self, usecase: str, *, revision: int | None = None, timeout: float = 120.0) -> TargetStatus:
        """`helm rollback` to a revision that held; one that was returned to already is only waited for."""
        with self.lock(usecase):
            plan, held = self._required(usecase)
            revisions = self._revisions(usecase)
            origin = revisions.origin(held)
            goal = revision or (origin if origin != held.revision else revisions.earlier())
            if goal is None:
                raise RolloutError(
                    f"{usecase} ran nothing else before", hint="the pointer goes back by `make rollback`, in a second"
                )
            if goal in (held.revision, origin):
                return self._bring(plan, held, "rollback", timeout)
            return self._return(usecase, revisions.to(goal), goal, held, timeout)

    def status(self, usecase: str) -> TargetStatus:
        """What helm, the cluster and the pointer say."""
        revisions, live = self._revisions(usecase), self._live(usecase)
        newest, seen, route = revisions.newest(), live.seen(), live.route()
        if newest is None:
            return TargetStatus(target=self.name, usecase=usecase, tracks=live.tracks(seen, route))
        tracks = live.tracks(seen, route)
        held = revisions.deployed()
        manifest = self._helm.manifest(self._settings.release(usecase), held.revision if held else newest.revision)
        stable = next((each for each in tracks if each.track == "stable"), None)
        pointed = difference(self._settings, usecase, stable.bundle if stable else None)
        return TargetStatus(
            target=self.name,
            usecase=usecase,
            revision=held.revision if held else None,
            tracks=tracks,
            differs=tuple(filter(None, [*differences(manifest, seen, route), pointed])),
            reason="" if newest.status == "deployed" else f"revision {newest.revision} is {newest.status}: {newest.description}",
        )

    def history(self, usecase: str) -> tuple[Revision, ...]:
        """Helm's history, with what each revision ran."""
        return self._revisions(usecase).told()

    def stop(self, usecase: str) -> None:
        """Uninstall the release; a claim with predictions stays."""
        with self.lock(usecase):
            self._helm.uninstall(self._settings.release(usecase), wait=120.0)

    @contextmanager
    def endpoint(self, usecase: str, track: Track = "stable") -> Iterator[str]:
        """The track's Service within the cluster, a forwarded port outside of it."""
        service = self._live(usecase).port(track)
        labels = {
            "app.kubernetes.io/instance": self._settings.release(usecase),
            "app.kubernetes.io/component": "service",
            TRACK: track,
        }
        with reached(self._cluster, labels, service) as url:
            yield url

    def _bring(self, plan: Plan, held: Recorded | None, verb: str, timeout: float | None) -> TargetStatus:
        """Upgrade to a plan, unless it is there; back to what held before where that fails.

        Args:
            plan: What shall run.
            held: The revision that holds now.
            verb: What is done, for the history.
            timeout: Seconds until everything has to be ready. None: not waited for.
        """
        usecase, release = plan.usecase, self._settings.release(plan.usecase)
        values, vigil = plan.values(self._operators(usecase)), Vigil(self._live(usecase), plan)
        began = time.monotonic()
        if held is None or not self._unchanged(usecase, values, held):
            try:
                self._helm.upgrade(release, values, plan.note(verb), wait=timeout, look=lambda: self._look(usecase, vigil))
            except RolloutError as error:
                raise self._undone(usecase, held, vigil, error) from error
        if timeout is not None:
            self._until_ready(usecase, vigil, timeout - (time.monotonic() - began))
        return self.status(usecase)

    def _return(self, usecase: str, plan: Plan, goal: int, held: Recorded, timeout: float) -> TargetStatus:
        vigil = Vigil(self._live(usecase), plan)
        try:
            self._helm.rollback(self._settings.release(usecase), goal, wait=timeout, look=lambda: self._look(usecase, vigil))
        except RolloutError as error:
            raise self._undone(usecase, held, vigil, error) from error
        self._until_ready(usecase, vigil, timeout)
        return self.status(usecase)

    def _unchanged(self, usecase: str, values: dict[str, Any], held: Recorded) -> bool:
        """Whether the newest revision holds, was given these values, and the cluster runs what it says."""
        revisions, release, live = self._revisions(usecase), self._settings.release(usecase), self._live(usecase)
        if revisions.newest() != held or held.chart != self._helm.chart() or self._helm.values(release) != values:
            return False
        return not differences(self._helm.manifest(release), live.seen(), live.route())

    def _undone(self, usecase: str, held: Recorded | None, vigil: Vigil, error: RolloutError) -> RolloutError:
        """The error, with the release back at what held before; what was lost to another rollout is that one's to settle."""
        try:
            self._held[usecase].check()
            why = error.message if error.hint else self._said(vigil) or error.message
            if held is None:
                self._helm.uninstall(self._settings.release(usecase))
                return RolloutError(f"{why}; nothing is deployed, as before", hint=error.hint)
            self._helm.rollback(self._settings.release(usecase), held.revision)
        except RolloutError as second:
            return RolloutError(f"{error.message}; and it could not be taken back: {second.message}", hint="run it again")
        return RolloutError(f"{why}; the release is back at revision {held.revision}, which answers as before", hint=error.hint)

    def _said(self, vigil: Vigil) -> str:
        missing = vigil.missing()
        return f"it was not ready in time: {missing}" if missing else ""

    def _look(self, usecase: str, vigil: Vigil) -> None:
        self._held[usecase].check()
        vigil.look()

    def _until_ready(self, usecase: str, vigil: Vigil, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while missing := vigil.missing():
            self._look(usecase, vigil)
            if time.monotonic() > deadline:
                raise RolloutError(f"{usecase} is not ready in time: {missing}", hint="kubectl describe its pods")
            time.sleep(POLL_SECONDS)

    def _until_alone(self, usecase: str, seconds: float) -> None:
        deadline, live = time.monotonic() + seconds, self._live(usecase)
        while any(each.track != "stable" for each in live.tracks(live.seen(), None)):
            if time.monotonic() > deadline:
                raise RolloutError(f"canary or shadow of {usecase} do not end", hint="kubectl describe their Deployments")
            time.sleep(POLL_SECONDS)

    def _settled(self, usecase: str) -> tuple[Plan | None, Recorded | None]:
        """What the release runs by the revision that holds, after bringing a stuck one back to it."""
        held = self._revisions(usecase).settle()
        values = self._helm.values(self._settings.release(usecase), held.revision) if held else {}
        return Plan.of(values), held

    def _required(self, usecase: str) -> tuple[Plan, Recorded]:
        plan, held = self._settled(usecase)
        if plan is None or held is None:
            raise RolloutError(
                f"there is no release {self._settings.release(usecase)} in namespace {self._cluster.namespace}",
                hint="deploy a version first: make deploy TARGET=helm USECASE=… IMAGE=…",
            )
        return plan, held

    def _require_canary(self, usecase: str, plan: Plan, percent: int) -> None:
        live = self._live(usecase)
        route = live.route()
        canary = next((each for each in live.tracks(live.seen(), route) if each.track == "canary"), None)
        plan.with_weight(percent)
        if percent and route is None:
            raise RolloutError(
                f"{usecase} has no HTTPRoute to share requests out", hint="set gateway.enabled in EVENKEEL_HELM_VALUES"
            )
        if percent and (canary is None or not canary.ready):
            raise RolloutError(
                f"the canary of {usecase} is not ready: {canary.reason if canary else 'it is gone'}", hint="stage it again"
            )

    def _operators(self, usecase: str) -> dict[str, Any]:
        """The operator's file; without one, what the release has of theirs."""
        file = self._settings.helm_values
        if file is None:
            return operators_of(self._helm.values(self._settings.release(usecase)))
        try:
            values = yaml.safe_load(file.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise ConfigurationError(f"EVENKEEL_HELM_VALUES: {file}: {error}", hint="it is a values file of the chart") from error
        if not isinstance(values, dict):
            raise ConfigurationError(f"EVENKEEL_HELM_VALUES: {file} is no mapping", hint="it is a values file of the chart")
        return operators_of(values)

    def _live(self, usecase: str) -> Live:
        return Live(self._cluster, self._settings.release(usecase))

    def _revisions(self, usecase: str) -> Revisions:
        return Revisions(self._helm, self._settings.release(usecase))
