"""Promotion and rollback: ledger intent, alias `previous`, alias `champion`, pointer, ledger done; each step may be the last."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from model_code import promotion_rules as rules
from model_code.bundle import COMPOSITE
from model_code.errors import PromotionRefused
from model_code.ledger import Entry, Ledger
from model_code.parts import PARTS, Parts
from model_code.pointer import Pointers
from model_code.registry import Registry
from model_code.routing import Routing
from model_code.sql import Locked
from model_code.standing import MOVES, Standing, standing
from model_code.verdict import PairedVerdict

CHAMPION, PREVIOUS = "champion", "previous"
STEPS = ("intent", "previous", "champion", "pointer", "done")


class Promoter:
    """Moves the champion of a use case, one move at a time, with a record of who, when and why.

    Args:
        registry: Versions and aliases.
        ledger: The record; its database also holds the lock.
        pointers: What services watch.
        after_step: Called with the name of each step (see `STEPS`) once it is done: progress, and drills.
    """

    def __init__(
        self, registry: Registry, ledger: Ledger, pointers: Pointers, *, after_step: Callable[[str], None] = lambda _: None
    ) -> None:
        self._registry = registry
        self._ledger = ledger
        self._pointers = pointers
        self._after_step = after_step

    def promote(
        self,
        usecase: str,
        version: str,
        actor: str,
        reason: str,
        evidence: Mapping[str, Any],
        at: datetime,
        *,
        verdict: PairedVerdict | None = None,
        force: bool = False,
        scope: tuple[str, ...] = (),
        from_version: str | None = None,
        action: Literal["promote", "recalibrate"] = "promote",
    ) -> Entry:
        """Make `version` the champion and the champion `previous`; promoting the champion changes nothing.

        Args:
            usecase: Name of the use case.
            version: Registry version.
            actor: Who: a person, or a flow with its run.
            reason: Why, in words.
            evidence: What was known; the verdict is added to it.
            at: Time of the decision (aware).
            verdict: The paired verdict on `version` against the champion.
            force: Promote without a favourable verdict, or a known-bad version; the ledger says so.
            scope: Entities concerned; empty means all.
            from_version: Champion that the verdict is about. Default: not checked.
            action: What the ledger calls it: `recalibrate` where the version is the champion with other intervals.

        Returns:
            The ledger entry of the promotion when done.

        Raises:
            PromotionRefused: No favourable verdict and no force; a known-bad version; another champion by
                now; no actor or reason; another promotion is going on.
            RegistryError: No such version, or the registry is unreachable: `recover` completes what was begun.
            StoreError: The database is unreachable.
        """
        rules.require_words(actor, reason)
        told = dict(evidence) | {"forced": force} | ({"verdict": verdict.model_dump()} if verdict else {})
        with self._alone(usecase):
            reached, champion = self._present(usecase)
            if champion == version and reached.last is not None and reached.last.to_version == version:
                return reached.last
            rules.require_champion(from_version, champion)
            if not force:
                rules.require_favour(version, champion, verdict, reached)
            return self._move(action, usecase, champion, version, _Decision(actor, reason, told, at, scope))

    def rollback(
        self,
        usecase: str,
        actor: str,
        reason: str,
        evidence: Mapping[str, Any],
        at: datetime,
        *,
        to_version: str | None = None,
        scope: tuple[str, ...] = (),
        from_version: str | None = None,
    ) -> Entry:
        """Return to `previous`, or to an older good version; the one that is left is known bad from now on.

        Args:
            usecase: Name of the use case.
            actor: Who: a person, or a flow with its run.
            reason: Why, in words.
            evidence: What was known.
            at: Time of the decision (aware).
            to_version: An earlier champion to return to. Default: the alias `previous`. With a scope: a version in which
                the entities concerned are answered by an earlier part of theirs, and all others as they are.
            scope: Entities concerned; empty means all.
            from_version: Champion that the evidence is about: when it was rolled back from already, nothing
                moves and that entry is returned. Default: whoever is champion, unless the same decision
                (actor, reason, `at`) was carried out just before.

        Returns:
            The ledger entry of the rollback when done.

        Raises:
            PromotionRefused: Nothing to return to, or it is known bad or never was champion; another
                champion by now; no actor or reason; another promotion is going on.
            RegistryError: The registry is unreachable: `recover` completes what was begun.
            StoreError: The database is unreachable.
        """
        rules.require_words(actor, reason)
        with self._alone(usecase):
            reached, champion = self._present(usecase)
            if reached.last and rules.is_repeat(reached.last, (actor, reason, at), to_version, from_version, scope):
                return reached.last
            rules.require_champion(from_version, champion)
            target = to_version or self._registry.version_of(usecase, PREVIOUS)
            if not scope:
                target = rules.good_target(usecase, target, champion, reached)
            return self._move("rollback", usecase, champion, str(target), _Decision(actor, reason, dict(evidence), at, scope))

    def recover(self, usecase: str) -> list[Entry]:
        """Complete or void what a killed promotion or rollback left half done; safe at any time.

        An intent is completed, since it was decided with its evidence; it is voided when its version is
        registered no more, or when someone moved the champion elsewhere in the meantime.

        Returns:
            The closing entries, `done` or `void`; empty when nothing was open.

        Raises:
            PromotionRefused: Another promotion is going on.
            RegistryError: The registry is unreachable.
            StoreError: The database is unreachable.
        """
        with self._alone(usecase, recovering=False):
            return self._recover(usecase)

    @contextmanager
    def _alone(self, usecase: str, *, recovering: bool = True) -> Iterator[None]:
        try:
            with self._ledger.exclusive(f"promotion.{usecase}"):
                if recovering:
                    self._recover(usecase)
                yield
        except Locked as error:
            raise PromotionRefused(f"another promotion or rollback of {usecase} is going on", hint="try again") from error

    def _present(self, usecase: str) -> tuple[Standing, str | None]:
        return standing(self._ledger.entries(usecase)), self._registry.version_of(usecase, CHAMPION)

    def _move(self, action: str, usecase: str, champion: str | None, target: str, decision: "_Decision") -> Entry:
        earlier = sum(entry.phase == "intent" for entry in self._ledger.entries(usecase))
        name = json.dumps([usecase, earlier, action, champion, target])
        intent = Entry(
            intent=hashlib.sha256(name.encode()).hexdigest()[:16],
            phase="intent",
            usecase=usecase,
            action=action,
            from_version=champion,
            to_version=target,
            from_bundle=self._registry.bundle_of(usecase, champion) if champion else None,
            to_bundle=self._registry.bundle_of(usecase, target),
            **vars(decision) | {"evidence": decision.evidence | self._parts(usecase, target)},
        )
        if decision.evidence.get("forced") is not True:
            rules.require_good_parts(self._ledger.entries(usecase), intent)
        recorded = self._ledger.append(intent)
        self._after_step("intent")
        return self._complete(recorded)

    def _complete(self, intent: Entry) -> Entry:
        usecase, target = intent.usecase, str(intent.to_version)
        earlier = [entry for entry in self._ledger.entries(usecase) if (entry.id or 0) < (intent.id or 0)]
        bundles = self._bundles(usecase)
        previous = _newest(standing(earlier).after(intent).good[:-1], bundles)
        self._registry.set_alias(usecase, PREVIOUS, previous)
        self._after_step("previous")
        self._registry.set_alias(usecase, CHAMPION, target)
        self._after_step("champion")
        self._pointers.move(usecase, str(intent.to_bundle), bundles[previous] if previous else None)
        self._after_step("pointer")
        done = self._ledger.append(_closing(intent, "done", intent.reason))
        self._after_step("done")
        return done

    def _bundles(self, usecase: str) -> dict[str, str]:
        """Registered version -> its bundle."""
        return {version.version: version.bundle for version in self._registry.versions(usecase)}

    def _parts(self, usecase: str, target: str) -> dict[str, Any]:
        """For the ledger: what the version is made of; nothing where it is one part.

        Raises:
            PromotionRefused: A part is no registered version.
        """
        listed = {version.version: version for version in self._registry.versions(usecase)}
        if target not in listed or listed[target].family != COMPOSITE:
            return {}
        names = {version.bundle: version.version for version in reversed(listed.values())}
        routing = Routing.model_validate(listed[target].parameters)
        unknown = sorted(routing.parts - set(names))
        if unknown:
            raise PromotionRefused(f"a part of version {target} is not registered: {unknown[0][:12]}", hint="register it first")
        told = routing.renamed(names)
        made = Parts(routing=told, bundles={version: listed[version].bundle for version in sorted(told.parts)})
        return {PARTS: made.model_dump(mode="json")}

    def _recover(self, usecase: str) -> list[Entry]:
        return [self._close(intent) for intent in self._ledger.open_intents(usecase) if intent.action in MOVES]

    def _close(self, intent: Entry) -> Entry:
        champion, bundles = self._registry.version_of(intent.usecase, CHAMPION), self._bundles(intent.usecase)
        registered = intent.to_version in bundles
        if registered and champion in (intent.from_version, intent.to_version):
            return self._complete(intent)
        if champion is not None:
            self._settle(intent.usecase, champion, bundles)
        why = "the champion was moved elsewhere" if registered else "its version is registered no more"
        return self._ledger.append(_closing(intent, "void", f"voided, {why}; it was: {intent.reason}"))

    def _settle(self, usecase: str, champion: str, bundles: Mapping[str, str]) -> None:
        """Bring `previous` and pointer in line with the champion that there is."""
        good = standing(self._ledger.entries(usecase)).good
        previous = _newest([version for version in good if version != champion], bundles)
        self._registry.set_alias(usecase, PREVIOUS, previous)
        self._pointers.move(usecase, bundles[champion], bundles[previous] if previous else None)


@dataclass(frozen=True)
class _Decision:
    """Who decided, why, on what, when, for which entities."""

    actor: str
    reason: str
    evidence: dict[str, Any]
    at: datetime
    scope: tuple[str, ...]


def _newest(versions: Sequence[str], registered: Collection[str]) -> str | None:
    return next((version for version in reversed(versions) if version in registered), None)


def _closing(intent: Entry, phase: str, reason: str) -> Entry:
    return Entry.model_validate(intent.model_dump() | {"id": None, "recorded_at": None, "phase": phase, "reason": reason})
