"""Releases of an InferenceService, kept as ControllerRevisions beside it: Kubernetes' own form of such a history."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from model_code.errors import RolloutError
from services.rollout.base import Revision
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.live import BUNDLE, VERSION
from services.rollout.kserve.applied import REVISIONS, Object, apply, delete

OF = "evenkeel.io/history-of"
WHAT, AT = "evenkeel.io/what", "evenkeel.io/released-at"
KEPT = 10
ROLLBACK = "rollback"


class KServeHistory:
    """What was released under a name, oldest first; a release that comes back gets the newest number, as in Kubernetes.

    Args:
        cluster: The namespace.
        name: Of the InferenceService.
    """

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._name = cluster, name

    def all(self) -> list[Object]:
        """Every ControllerRevision, oldest first."""
        kind, group = REVISIONS
        found = self._cluster.items(self._cluster.path(kind, group=group), labelSelector=f"{OF}={self._name}")
        return sorted(found, key=lambda each: int(each["revision"]))

    def newest(self) -> Object | None:
        """The last one."""
        known = self.all()
        return known[-1] if known else None

    def earlier(self, revision: int | None) -> tuple[Object, str]:
        """What a rollback applies, and how it is called; the one of a rollback that was begun or done already is the same.

        Args:
            revision: Its number. Default: the release before the newest.

        Raises:
            RolloutError: There is none.
        """
        known = self.all()
        newest = known[-1] if known else None
        done = newest is not None and str(_notes(newest).get(WHAT, "")).startswith(ROLLBACK)
        if revision is None and newest is not None and done:
            return newest["data"], _notes(newest)[WHAT]
        wanted = [each for each in known if int(each["revision"]) == revision] if revision is not None else known[-2:-1]
        if newest is None or not wanted:
            there = ", ".join(str(each["revision"]) for each in known) or "none"
            raise RolloutError(f"{self._name} has no such earlier release; there are: {there}", hint="look at `history`")
        return wanted[0]["data"], f"{ROLLBACK} from {newest['revision']}"

    def record(self, wanted: Mapping[str, Any], what: str) -> int:
        """Note a release that is about to be applied; the newest one again stays the newest. Its number."""
        known = self.all()
        if known and known[-1]["data"] == wanted:
            return int(known[-1]["revision"])
        number = int(known[-1]["revision"]) + 1 if known else 1
        same = next((each for each in known if each["data"] == wanted), None)
        name = same["metadata"]["name"] if same else f"{self._name}-{number}"
        annotations = {WHAT: what, AT: datetime.now(UTC).isoformat()}
        kept = {"name": name, "labels": {OF: self._name}, "annotations": annotations}
        told = {"apiVersion": REVISIONS[1], "kind": "ControllerRevision", "metadata": kept}
        apply(self._cluster, told | {"data": wanted, "revision": number})
        for old in [each for each in known if each is not same][: 1 - KEPT]:
            delete(self._cluster, "ControllerRevision", old["metadata"]["name"])
        return number

    def revisions(self) -> tuple[Revision, ...]:
        """In words, newest first."""
        newest_first = list(reversed(self.all()))
        return tuple(_told(each, number == 0) for number, each in enumerate(newest_first))

    def forget(self) -> None:
        """Delete all of it."""
        for each in self.all():
            delete(self._cluster, "ControllerRevision", each["metadata"]["name"])


def _told(kept: Object, newest: bool) -> Revision:
    metadata, predictor = kept["data"]["metadata"], kept["data"]["spec"]["predictor"]
    annotations, noted = metadata.get("annotations", {}), _notes(kept)
    return Revision(
        revision=int(kept["revision"]),
        at=datetime.fromisoformat(noted.get(AT) or kept["metadata"]["creationTimestamp"]),
        state="deployed" if newest else "superseded",
        version=annotations.get(VERSION),
        bundle=annotations.get(BUNDLE),
        image=predictor["containers"][0]["image"],
        what=noted.get(WHAT, ""),
    )


def _notes(kept: Object) -> dict[str, str]:
    return dict(kept["metadata"].get("annotations", {}))
