"""Helm releases in memory: a public fake at the seam of `Helm`, beside the namespace in which their objects are."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from model_code.errors import RolloutError
from services.rollout.cluster.manifest import PLURALS
from services.rollout.helm.program import Recorded
from tests.services.kserve_memory import Memory, Rendering


class Releases(Rendering):
    """Keeps what every revision was given; its pods are there at once, where their image is.

    Attributes:
        memory: The namespace.
        kept: Each revision with its values, oldest first.
        before: Called before anything is applied.
        looks: How often the history was read.
    """

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory
        self.kept: list[tuple[Recorded, dict[str, Any]]] = []
        self.before: Callable[[], None] = lambda: None
        self.looks = 0
        self._applied: set[str] = set()

    def history(self, release: str) -> list[Recorded]:
        self.looks += 1
        return [recorded for recorded, _ in self.kept]

    def values(self, release: str, revision: int | None = None) -> dict[str, Any]:
        return self.kept[revision - 1 if revision else -1][1] if self.kept else {}

    def manifest(self, release: str, revision: int | None = None) -> list[dict[str, Any]]:
        return self.rendered(release, self.values(release, revision))

    def upgrade(
        self,
        release: str,
        values: Mapping[str, Any],
        description: str,
        *,
        wait: float | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._add(release, dict(values), description, wait, look)

    def rollback(
        self, release: str, revision: int, *, wait: float | None = None, look: Callable[[], None] = lambda: None
    ) -> None:
        self._add(release, self.values(release, revision), f"Rollback to {revision}", wait, look)

    def uninstall(self, release: str, *, wait: float | None = None) -> None:
        self.kept.clear()
        self._apply(release, [])

    def killed(self, release: str, values: Mapping[str, Any], description: str = "deploy") -> None:
        """What a helm leaves that was killed a minute ago."""
        self._add(release, dict(values), description, None, lambda: None)
        self._mark("pending-upgrade", updated=datetime(2026, 1, 1, tzinfo=UTC))
        self._mark("deployed", -2)

    def _add(self, release: str, values: dict[str, Any], description: str, wait: float | None, look: Callable[[], None]) -> None:
        number, now = len(self.kept) + 1, datetime.now(UTC)
        new = Recorded(revision=number, updated=now, status="pending-upgrade", chart=self.chart(), description=description)
        self.kept.append((new, values))
        self._apply(release, self.rendered(release, values))
        try:
            self._wait(wait, look)
        except RolloutError:
            self._mark("failed")
            raise
        for place, (recorded, _) in enumerate(self.kept[:-1]):
            if recorded.status == "deployed":
                self._mark("superseded", place)
        self._mark("deployed")

    def _wait(self, seconds: float | None, look: Callable[[], None]) -> None:
        deadline = time.monotonic() + (seconds or 0.0)
        while any(each.get("status", {}).get("readyReplicas") == 0 for each in self.memory.objects.values()):
            if time.monotonic() > deadline:
                raise RolloutError("helm upgrade: timed out")
            look()
            time.sleep(0.05)

    def _mark(self, status: str, place: int = -1, **more: object) -> None:
        recorded, values = self.kept[place]
        self.kept[place] = (recorded.model_copy(update={"status": status, **more}), values)

    def _apply(self, release: str, objects: list[dict[str, Any]]) -> None:
        """As helm: what is gone comes back, what was changed is as before, what the release has no more is deleted."""
        self.before()
        for path in [each for each in self.memory.objects if _is_run(each) or each in self._applied]:
            del self.memory.objects[path]
        self._applied = set()
        for each in objects:
            meta, spec = each["metadata"], each["spec"]
            path = self.memory.path(PLURALS[each["kind"]], meta["name"], each["apiVersion"])
            if each["kind"] == "Deployment":
                notes = meta["annotations"] | {"deployment.kubernetes.io/revision": "1"}
                self.memory.run(meta["name"], meta["labels"], notes, spec["template"]["spec"]["containers"], spec["replicas"])
            else:
                self.memory.call("PATCH", path, body=each)
            self._applied.add(path)


def _is_run(path: str) -> bool:
    return any(f"/{kind}/" in path for kind in ("replicasets", "pods"))
