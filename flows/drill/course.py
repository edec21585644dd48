"""What the ledger tells of a drill: every verdict with its evidence, every move of the champion, every act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flows.drill.script import local_day
from model_code.evidence import Action, Evidence, OriginEvidence
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.policy import Verdict
from model_code.standing import MOVES
from monitoring.judgement import VERDICT
from monitoring.releases import actions_of


@dataclass(frozen=True)
class Seen:
    """One verdict as the monitor left it."""

    at: datetime
    verdict: Verdict
    evidence: Evidence

    @property
    def alerted(self) -> bool:
        """Whether a person was paged or the data were asked for again."""
        return bool(self.verdict.side_effects)

    @property
    def blames_data(self) -> bool:
        """Whether it says that the data are at fault or missing, and not the model."""
        words = "; ".join(self.verdict.reasons)
        return bool(self.evidence.data_faults) or "data at fault" in words or "stale:" in words


@dataclass(frozen=True)
class Course:
    """The course of a drill, from its ledger alone, so that it can be read after a run through Prefect as well.

    Attributes:
        entries: The ledger's, in the order of recording.
        champion: Version that reigns at the end.
        window: Origins that the policy judges at a time.
    """

    entries: Sequence[Entry]
    champion: str | None
    window: int

    @classmethod
    def of(cls, place: Installation) -> "Course":
        """Read from the stores of a use case."""
        name = place.usecase.name
        champion = place.registry.version_of(name, "champion")
        return cls(place.ledger.entries(name), champion, place.usecase.spec.policy.window)

    @cached_property
    def looks(self) -> list[Seen]:
        """Every verdict, oldest first."""
        notes = sorted((entry for entry in self.entries if entry.action == VERDICT), key=lambda entry: entry.at)
        return [
            Seen(note.at, Verdict.model_validate(note.evidence["verdict"]), Evidence.model_validate(note.evidence["seen"]))
            for note in notes
        ]

    @cached_property
    def moves(self) -> list[Entry]:
        """Every move of the champion that was carried out, but the first model's."""
        return [entry for entry in self.entries if entry.phase == "done" and entry.action in MOVES and entry.from_version]

    @cached_property
    def actions(self) -> list[Action]:
        """What the loop did on its own: rollbacks, retrains, recalibrations; a retrain that moved nothing counts."""
        return list(actions_of(self.entries))

    @property
    def forced(self) -> set[str]:
        """Versions that an operator forced."""
        return {str(move.to_version) for move in self.moves if move.evidence.get("forced") is True}

    @property
    def rollbacks(self) -> list[Entry]:
        """Moves back to a version before."""
        return [move for move in self.moves if move.action == "rollback"]

    @property
    def retrained(self) -> list[Entry]:
        """Moves to a version that a retrain made."""
        return [move for move in self.moves if move.action == "promote" and str(move.to_version) not in self.forced]

    def between(self, start: datetime, end: datetime) -> list[Seen]:
        """Looks with `start <= at < end`."""
        return [look for look in self.looks if start <= look.at < end]

    def points(self) -> dict[datetime, OriginEvidence]:
        """Origin -> how it was judged last, whoever was champion."""
        found: dict[datetime, OriginEvidence] = {}
        for look in self.looks:
            found |= {point.origin: point for series in look.evidence.series for point in series.origins}
        return dict(sorted(found.items()))

    def told(self, start: datetime, end: datetime) -> str:
        """Actions of a span, in words."""
        acts = [f"{action.action} on {local_day(action.at)}" for action in self.actions if start <= action.at < end]
        return ", ".join(acts) or "no action"
