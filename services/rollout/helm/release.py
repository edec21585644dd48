"""One use case's Helm release: brought to a plan, and back to what held before where that fails."""

import time
from collections.abc import Callable
from typing import Any

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.live import Live
from services.rollout.cluster.manifest import altered, take_out_additions
from services.rollout.cluster.plan import Plan
from services.rollout.cluster.trouble import Seen
from services.rollout.cluster.values import operators_of, read_values
from services.rollout.cluster.vigil import Vigil
from services.rollout.cluster.waiting import pending_after
from services.rollout.helm.history import History, Revisions
from services.rollout.helm.note import described
from services.rollout.helm.program import Helm, Recorded


class HelmRelease:
    """Everything of one use case.

    Args:
        cluster: The namespace.
        helm: The program.
        settings: The operator's values, and the release's name where it is not the use case's.
        usecase: Name of the use case.
        check: Called before and while something is changed; raises where the lock is lost.
    """

    def __init__(self, cluster: Cluster, helm: Helm, settings: Settings, usecase: str, check: Callable[[], None]) -> None:
        self._cluster, self._helm, self._settings, self._check = cluster, helm, settings, check
        self.usecase, self.name = usecase, settings.release(usecase)
        self.live, self.revisions = Live(cluster, self.name), Revisions(helm, self.name)

    def settled(self) -> tuple[Plan | None, Recorded | None]:
        """What it runs by the revision that holds, after bringing a stuck one back to it.

        Raises:
            RolloutError: It cannot be brought back.
        """
        held = self.revisions.settle().held
        return Plan.of(self._helm.values(self.name) if held else {}), held

    def required(self) -> tuple[Plan, Recorded]:
        """The same, of a release that has to be there.

        Raises:
            RolloutError: It is not, or cannot be brought back.
        """
        plan, held = self.settled()
        if plan is None or held is None:
            raise self.absent()
        return plan, held

    def absent(self) -> RolloutError:
        """What to say where there has to be a release, and is none."""
        return RolloutError(
            f"there is no release {self.name} in namespace {self._cluster.namespace}",
            hint="deploy a version first: make deploy TARGET=helm USECASE=… IMAGE=…",
        )

    def bring(self, plan: Plan, held: Recorded | None, verb: str, timeout: float | None) -> None:
        """Upgrade to a plan, unless it is there; back to what held before where that fails.

        Args:
            plan: What shall run.
            held: The revision that holds now.
            verb: What is done, for the history.
            timeout: Seconds until everything has to be ready. None: not waited for.

        Raises:
            RolloutError: It is refused, or was not ready in time.
        """
        values, vigil, began = plan.values(self.operators()), Vigil(self.live, plan), time.monotonic()
        if held is None or not self._unchanged(values, held):
            try:
                self._take_out_additions(held)
                self._helm.upgrade(self.name, values, described(plan, verb), wait=timeout, look=lambda: self._look(vigil))
            except RolloutError as error:
                raise self._undone(held, vigil, error) from error
        if timeout is not None:
            self._until_ready(vigil, timeout - (time.monotonic() - began))

    def return_to(self, revision: int, history: History, timeout: float) -> None:
        """`helm rollback` to an earlier revision; back to what held before where that fails.

        Raises:
            RolloutError: There is none to return to, or it was not ready in time.
        """
        vigil, held = Vigil(self.live, history.plan_of(revision)), history.held
        try:
            self._helm.rollback(self.name, revision, wait=timeout, look=lambda: self._look(vigil))
        except RolloutError as error:
            raise self._undone(held, vigil, error) from error
        self._until_ready(vigil, timeout)

    def until_alone(self, seconds: float) -> None:
        """Wait until there is no track beside stable.

        Raises:
            RolloutError: There is one still when the time is over.
        """
        if pending_after(lambda: [each for each in self.live.tracks(self.live.seen(), None) if each.track != "stable"], seconds):
            raise RolloutError(f"canary or shadow of {self.usecase} do not end", hint="kubectl describe their Deployments")

    def differences(self, revision: int, seen: Seen) -> list[str]:
        """Where the cluster has something other than a revision says, one sentence each."""
        manifest = self._helm.manifest(self.name, revision)
        ours = {each["metadata"]["name"] for each in manifest if each["kind"] == "Deployment"}
        strangers = sorted({each["metadata"]["name"] for each in seen.deployments} - ours)
        changes = [sentence for each in altered(self._cluster, manifest) for sentence in each.said]
        return changes + [f"Deployment {name} is not of this release" for name in strangers]

    def operators(self) -> dict[str, Any]:
        """The operator's file; without one, what the release has of theirs.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        file = self._settings.helm_values
        return operators_of(self._helm.values(self.name) if file is None else read_values(file))

    def _unchanged(self, values: dict[str, Any], held: Recorded) -> bool:
        """Whether the newest revision holds, was given these values, and the cluster runs what it says."""
        if self.revisions.read().newest != held or held.chart != self._helm.chart() or self._helm.values(self.name) != values:
            return False
        return not self.differences(held.revision, self.live.seen())

    def _take_out_additions(self, held: Recorded | None) -> None:
        """What helm leaves in place: it applies what a release says, and these it says nothing of."""
        if held is not None:
            self._check()
            take_out_additions(self._cluster, self._helm.manifest(self.name, held.revision))

    def _undone(self, held: Recorded | None, vigil: Vigil, error: RolloutError) -> RolloutError:
        """The error, with the release back at what held before; what was lost to another rollout is that one's to settle."""
        try:
            self._check()
            why = error.message if error.hint else _said(vigil) or error.message
            if held is None:
                self._helm.uninstall(self.name)
                return RolloutError(f"{why}; nothing is deployed, as before", hint=error.hint)
            if self.revisions.read().newest == held:  # refused before anything was changed
                return RolloutError(f"{why}; revision {held.revision} answers as before", hint=error.hint)
            self._helm.rollback(self.name, held.revision)
        except RolloutError as second:
            return RolloutError(f"{error.message}; and it could not be taken back: {second.message}", hint="run it again")
        return RolloutError(f"{why}; the release is back at revision {held.revision}, which answers as before", hint=error.hint)

    def _look(self, vigil: Vigil) -> None:
        self._check()
        vigil.look()

    def _until_ready(self, vigil: Vigil, seconds: float) -> None:
        missing = vigil.wait(seconds, self._check)
        if missing:
            raise RolloutError(f"{self.usecase} is not ready in time: {missing}", hint="kubectl describe its pods")


def _said(vigil: Vigil) -> str:
    missing = vigil.missing()
    return f"it was not ready in time: {missing}" if missing else ""
