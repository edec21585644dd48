"""The revisions of one release: what each one ran, which one holds, and a stuck one brought back to it."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from model_code.errors import RolloutError
from services.rollout.base import Revision
from services.rollout.cluster.plan import Plan
from services.rollout.helm.note import Note, described
from services.rollout.helm.program import Helm, Recorded

PENDING_SECONDS = 30.0  # for which a pending revision may be somebody's helm at work
POLL_SECONDS = 0.5
AGAIN = re.compile(r"Rollback to (\d+)")


@dataclass(frozen=True)
class History:
    """A release's revisions as they were when they were read.

    Attributes:
        release: Its name.
        recorded: Oldest first; none where there is no release.
        values_of: Reads the values that a revision was given.
    """

    release: str
    recorded: tuple[Recorded, ...]
    values_of: Callable[[int], dict[str, Any]]

    @property
    def newest(self) -> Recorded | None:
        """The latest revision, whatever became of it; None where there is no release."""
        return self.recorded[-1] if self.recorded else None

    @property
    def held(self) -> Recorded | None:
        """The revision that holds; None where there is none."""
        return next((each for each in reversed(self.recorded) if each.status == "deployed"), None)

    def told(self) -> tuple[Revision, ...]:
        """Every revision with what it ran, newest first."""
        return tuple(self._revision(each, self._note(each)) for each in reversed(self.recorded))

    def earlier(self) -> int | None:
        """The newest revision to return to: one that held, without other tracks, and ran something else; None where there is none."""
        held = self.held
        now = self._note(held) if held else None
        for each in self._held_before(held):
            note = self._note(each)
            if note and not note.staged and (now is None or _what(note) != _what(now)):
                return each.revision
        return None

    def plan_of(self, revision: int) -> Plan:
        """What a revision ran.

        Raises:
            RolloutError: There is no such one, it never held, or it had a canary or a shadow.
        """
        known = {each.revision: each for each in self.recorded if each.status in ("superseded", "deployed")}
        plan = Plan.of(self.values_of(revision)) if revision in known else None
        if plan is None:
            there = ", ".join(str(each) for each in known) or "none"
            raise RolloutError(f"release {self.release} cannot return to revision {revision}", hint=f"these held: {there}")
        if plan.canary or plan.shadow:
            raise RolloutError(
                f"revision {revision} of {self.release} had a canary or a shadow, which a rollback would bring back",
                hint="choose one without, see the history",
            )
        return plan

    def returned_to(self) -> int | None:
        """The revision that the last rollback returned to; None where what holds is none.

        What was brought back after something had failed, or was killed, repeats what held before it: that is no rollback.
        """
        held = self.held
        while held is not None and (origin := origin_of(held)) != held.revision:
            before = next(self._held_before(held), None)
            if before is None or before.revision != origin:
                return origin
            held = before
        return None

    def _held_before(self, held: Recorded | None) -> Iterator[Recorded]:
        """Those that held before that one, newest first."""
        if held is not None:
            yield from (each for each in reversed(self.recorded) if each.status == "superseded" and each.revision < held.revision)

    def _note(self, recorded: Recorded) -> Note | None:
        origin = origin_of(recorded)
        if origin != recorded.revision:
            first = next((each for each in self.recorded if each.revision == origin), None)
            return self._note(first) if first else self._by_values(recorded)
        return Note.of(recorded.description) or self._by_values(recorded)

    def _by_values(self, recorded: Recorded) -> Note | None:
        plan = Plan.of(self.values_of(recorded.revision))
        return Note.of(described(plan, "helm")) if plan else None

    def _revision(self, recorded: Recorded, note: Note | None) -> Revision:
        told = {"version": note.version, "bundle": note.bundle, "image": note.image} if note else {}
        words = recorded.description.partition(":")[0] if Note.of(recorded.description) else recorded.description
        return Revision(revision=recorded.revision, at=recorded.updated, state=recorded.status, what=words, **told)


class Revisions:
    """One release's history, read at each call.

    Args:
        helm: The program.
        release: Name of the release.
    """

    def __init__(self, helm: Helm, release: str) -> None:
        self._helm, self._release = helm, release

    def read(self) -> History:
        """The history as it is now."""
        recorded = tuple(self._helm.history(self._release))
        return History(self._release, recorded, lambda revision: self._helm.values(self._release, revision))

    def settle(self) -> History:
        """Bring a release whose helm was killed back to the revision that holds; the history after that.

        Raises:
            RolloutError: It cannot be brought back.
        """
        history = self._unmoving()
        newest, held = history.newest, history.held
        if newest is None or not (newest.pending or held is None):
            return history
        if held is None:  # the first one failed, or was killed: nothing of it ever answered
            self._helm.uninstall(self._release)
        else:
            self._helm.rollback(self._release, held.revision)
        return self.read()

    def _unmoving(self) -> History:
        """The history, once nothing of it is under way."""
        while (newest := (history := self.read()).newest) is not None and newest.pending:
            if (datetime.now(UTC) - newest.updated).total_seconds() > PENDING_SECONDS:
                break
            time.sleep(POLL_SECONDS)
        return history


def origin_of(recorded: Recorded) -> int:
    """The revision that this one repeats; its own number where it repeats none."""
    again = AGAIN.search(recorded.description)
    return int(again[1]) if again else recorded.revision


def _what(note: Note) -> tuple[str, str]:
    return note.bundle, note.image
