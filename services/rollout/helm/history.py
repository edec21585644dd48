"""The revisions of one release: what each one ran, which one holds, and a stuck one brought back to it."""

import re
import time
from datetime import UTC, datetime

from model_code.errors import RolloutError
from services.rollout.base import Revision
from services.rollout.cluster.plan import Plan
from services.rollout.helm.note import Note, described
from services.rollout.helm.program import Helm, Recorded

PENDING_SECONDS = 30.0  # for which a pending revision may be somebody's helm at work
POLL_SECONDS = 0.5
AGAIN = re.compile(r"Rollback to (\d+)")


class Revisions:
    """One release's history, read at each call.

    Args:
        helm: The program.
        release: Name of the release.
    """

    def __init__(self, helm: Helm, release: str) -> None:
        self._helm, self._release = helm, release

    def newest(self) -> Recorded | None:
        """The latest revision, whatever became of it; None where there is no release."""
        return next(iter(reversed(self._helm.history(self._release))), None)

    def deployed(self) -> Recorded | None:
        """The revision that holds; None where there is none."""
        return _deployed(self._helm.history(self._release))

    def settle(self) -> Recorded | None:
        """Bring a release whose helm was killed back to the revision that holds; which one that is.

        Raises:
            RolloutError: It cannot be brought back.
        """
        history = self._unmoving()
        held = _deployed(history)
        if not history or not (history[-1].pending or held is None):
            return held
        if held is None:  # the first one failed, or was killed: nothing of it ever answered
            self._helm.uninstall(self._release)
            return None
        self._helm.rollback(self._release, held.revision)
        return self.deployed()

    def told(self) -> tuple[Revision, ...]:
        """Every revision with what it ran, newest first."""
        history = self._helm.history(self._release)
        return tuple(self._revision(each, self._note(each, history)) for each in reversed(history))

    def earlier(self) -> int | None:
        """The newest revision to return to: one that held, without other tracks, and ran something else; None where there is none.

        Raises:
            RolloutError: There is no release.
        """
        history = self._helm.history(self._release)
        held = _deployed(history)
        if held is None:
            raise RolloutError(f"there is no release {self._release} to roll back", hint="deploy one first")
        now = self._note(held, history)
        for each in reversed([one for one in history if one.status == "superseded" and one.revision < held.revision]):
            note = self._note(each, history)
            if note and not note.staged and (now is None or _what(note) != _what(now)):
                return each.revision
        return None

    def to(self, revision: int) -> Plan:
        """What a revision ran.

        Raises:
            RolloutError: There is no such one, it never held, or it had a canary or a shadow.
        """
        history = self._helm.history(self._release)
        known = {each.revision: each for each in history if each.status in ("superseded", "deployed")}
        plan = Plan.of(self._helm.values(self._release, revision)) if revision in known else None
        if plan is None:
            there = ", ".join(str(each) for each in known) or "none"
            raise RolloutError(f"release {self._release} cannot return to revision {revision}", hint=f"these held: {there}")
        if plan.canary or plan.shadow:
            raise RolloutError(
                f"revision {revision} of {self._release} had a canary or a shadow, which a rollback would bring back",
                hint="choose one without, see the history",
            )
        return plan

    def origin(self, recorded: Recorded) -> int:
        """The revision that this one repeats; its own number where it repeats none."""
        again = AGAIN.search(recorded.description)
        return int(again[1]) if again else recorded.revision

    def returned_to(self) -> int | None:
        """The revision that the last rollback returned to; None where what holds is none.

        What was brought back after something had failed, or was killed, repeats what held before it: that is no rollback.
        """
        history = self._helm.history(self._release)
        held = _deployed(history)
        while held is not None and (origin := self.origin(held)) != held.revision:
            before = _held_before(held, history)
            if before is None or before.revision != origin:
                return origin
            held = before
        return None

    def _unmoving(self) -> list[Recorded]:
        """The history, once nothing of it is under way."""
        while (history := self._helm.history(self._release)) and history[-1].pending:
            if (datetime.now(UTC) - history[-1].updated).total_seconds() > PENDING_SECONDS:
                break
            time.sleep(POLL_SECONDS)
        return history

    def _note(self, recorded: Recorded, history: list[Recorded]) -> Note | None:
        origin = self.origin(recorded)
        if origin != recorded.revision:
            first = next((each for each in history if each.revision == origin), None)
            return self._note(first, history) if first else self._by_values(recorded)
        return Note.of(recorded.description) or self._by_values(recorded)

    def _by_values(self, recorded: Recorded) -> Note | None:
        plan = Plan.of(self._helm.values(self._release, recorded.revision))
        return Note.of(described(plan, "helm")) if plan else None

    def _revision(self, recorded: Recorded, note: Note | None) -> Revision:
        told = {"version": note.version, "bundle": note.bundle, "image": note.image} if note else {}
        words = recorded.description.partition(":")[0] if Note.of(recorded.description) else recorded.description
        return Revision(revision=recorded.revision, at=recorded.updated, state=recorded.status, what=words, **told)


def _deployed(history: list[Recorded]) -> Recorded | None:
    return next((each for each in reversed(history) if each.status == "deployed"), None)


def _held_before(held: Recorded, history: list[Recorded]) -> Recorded | None:
    return next((each for each in reversed(history) if each.status == "superseded" and each.revision < held.revision), None)


def _what(note: Note) -> tuple[str, str]:
    return note.bundle, note.image
