"""Watching a release become ready: what will never be is said at once, instead of when the time is over."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from model_code.errors import RolloutError
from services.refusal import RETRY_SECONDS, is_refusal, reason_in
from services.rollout.base import Track
from services.rollout.cluster.live import BUNDLE, Live, image_of, track_of
from services.rollout.cluster.plan import Challenger, Plan
from services.rollout.cluster.trouble import Seen, Trouble, is_ready, trouble_of
from services.rollout.cluster.waiting import pending_after

REFUSED = re.compile(r"bundle refused: (.+)")
SAID_LINES = 6


class Vigil:
    """One release that shall come to run a plan.

    Args:
        live: Reads it.
        plan: What it shall run.
    """

    def __init__(self, live: Live, plan: Plan) -> None:
        self._live = live
        wanted: dict[Track, Plan | Challenger | None] = {"stable": plan, "canary": plan.canary, "shadow": plan.shadow}
        self._wanted = {track: (each.bundle, each.image or plan.image) for track, each in wanted.items() if each}
        self._image = f"make image USECASE={plan.usecase} VERSION=n, then name it: IMAGE=…"
        self._since: dict[str, float] = {}

    def look(self) -> None:
        """Nothing, as long as it may still become ready.

        Raises:
            RolloutError: It will not, why, and what to do.
        """
        seen = self._live.seen()
        found = [trouble for each in seen.deployments if self._concerned(each) for trouble in self._troubles(each, seen)]
        now = time.monotonic()
        self._since = {each.what: self._since.get(each.what, now) for each in found}
        for trouble in found:
            if now - self._since[trouble.what] >= trouble.patience:
                raise RolloutError(trouble.what, hint=trouble.hint)

    def wait(self, seconds: float, check: Callable[[], None] = lambda: None) -> str:
        """Look until every track is ready; what is missing when the time is over, empty where nothing is.

        Args:
            seconds: How long.
            check: Called at each look; what it raises ends it.

        Raises:
            RolloutError: It will not become ready.
        """

        def missing() -> str:
            said = self.missing()
            if said:
                check()
                self.look()
            return said

        return pending_after(missing, seconds)

    def missing(self) -> str:
        """Which track is not ready yet, and what it says of it; empty when every one is."""
        seen = self._live.seen()
        tracks = {each.track: each for each in self._live.tracks(seen, None)}
        for track, (bundle, image) in self._wanted.items():
            found = tracks.get(track)
            if found is None or (found.bundle, found.image) != (bundle, image):
                return f"{track} does not run bundle {bundle[:12]} with {image} yet"
            if not found.ready:
                said = next(filter(None, (self._reason(pod) for pod in seen.pods if _waits(pod, track))), "")
                return f"{track}: {found.reason}" + (f"; it says: {said}" if said else "")
        return ""

    def _reason(self, pod: Mapping[str, Any]) -> str:
        """Why a pod is not ready: by its own word, or by its log where it cannot be asked."""
        return self._live.said(pod) or reason_in(self._live.log(pod))

    def _concerned(self, deployment: Mapping[str, Any]) -> bool:
        """Whether it is what the plan wants already, and not yet what ran before."""
        meta = deployment["metadata"]
        told = (meta.get("annotations", {}).get(BUNDLE, ""), image_of(deployment))
        observed = deployment.get("status", {}).get("observedGeneration") == meta["generation"]
        return observed and told == self._wanted.get(track_of(deployment))

    def _troubles(self, deployment: Mapping[str, Any], seen: Seen) -> list[Trouble]:
        found = trouble_of(deployment, seen)
        if found is not None:
            return [self._with_log(found, deployment, seen)]
        bundle = deployment["metadata"]["annotations"][BUNDLE]
        told = [self._refusal(pod, bundle) for pod in seen.pods_of(deployment) if _runs(pod) and not is_ready(pod)]
        return [each for each in told if each]

    def _with_log(self, trouble: Trouble, deployment: Mapping[str, Any], seen: Seen) -> Trouble:
        """What crashes says why in its log."""
        if "again and again" not in trouble.what:
            return trouble
        log = next((self._live.log(pod) for pod in seen.pods_of(deployment) if not is_ready(pod)), "")
        lines = "\n".join(log.strip().splitlines()[-SAID_LINES:])
        return Trouble(f"{trouble.what}; its log ends:\n{lines}" if lines else trouble.what, trouble.hint, trouble.patience)

    def _refusal(self, pod: Mapping[str, Any], bundle: str) -> Trouble | None:
        said = self._live.said(pod)
        refused = said if is_refusal(said, bundle) else ""
        if not said:
            logged = REFUSED.findall(self._live.log(pod))
            refused = f"bundle {bundle[:12]} is refused: {logged[-1]}" if logged else ""
        if not refused:
            return None
        what = f"the image's code cannot serve the bundle, or the bundle cannot be had: {refused}"
        return Trouble(
            what, f"is it in the bundle store, and the image of its family and features? {self._image}", RETRY_SECONDS + 1
        )


def _runs(pod: Mapping[str, Any]) -> bool:
    return any("running" in each.get("state", {}) for each in pod.get("status", {}).get("containerStatuses", ()))


def _waits(pod: Mapping[str, Any], track: Track) -> bool:
    return track_of(pod) == track and _runs(pod) and not is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
