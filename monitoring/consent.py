"""Consent: where the use case asks for a person before the champion moves, who was asked and what was answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from model_code.specification import Approval

NOBODY = "nobody could be asked"


@dataclass(frozen=True)
class Proposal:
    """A move that waits for a person.

    Attributes:
        action: rollback, retrain, recalibrate or promote.
        from_version: The champion.
        to_version: What would replace it; None where that is the version before.
        reasons: Why, with numbers.
        evidence: What is shown beside them; JSON-able.
        timeout: Who does not answer until then refuses.
    """

    usecase: str
    action: str
    from_version: str | None
    to_version: str | None
    reasons: tuple[str, ...]
    evidence: dict[str, Any]
    timeout: timedelta


@dataclass(frozen=True)
class Answer:
    """What came back: approved or not, by whom, in which words."""

    approved: bool
    by: str
    words: str

    def __str__(self) -> str:
        """For the ledger."""
        who = f" by {self.by}" if self.by else ""
        return f"{'approved' if self.approved else 'not approved'}{who}{': ' if self.words else ''}{self.words}"


Ask = Callable[[Proposal], Answer]


def unasked(_: Proposal) -> Answer:
    """Outside of a server there is nobody to ask: closed."""
    return Answer(False, "", NOBODY)


def is_needed(rule: Approval, action: str) -> bool:
    """Whether the use case wants a person before this action.

    Example:
        >>> is_needed(Approval(rollback=True), "retrain")
        False
    """
    return rule.rollback if action == "rollback" else rule.promotion
