"""Stated goals of a benchmark: which are missed, and the exit code that says so."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One figure and its bound.

    Attributes:
        what: The figure, with its unit.
        value: As measured.
        bound: As stated.
        at_least: Whether the bound is the least; else it is the most.
    """

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the value keeps the bound; one that is no number does not.

        Example:
            >>> Goal("seconds", 2.0, 2.0).met, Goal("seconds", float("nan"), 2.0).met
            (True, False)
        """
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        """For a terminal."""
        side = "at least" if self.at_least else "at most"
        return f"{'met' if self.met else 'MISSED'}: {self.what} {self.value:g}, goal {side} {self.bound:g}"


def exit_code(goals: Sequence[Goal]) -> int:
    """Tell each goal on the terminal; 1 where one is missed."""
    for goal in goals:
        print(goal, flush=True)
    return 0 if all(goal.met for goal in goals) else 1
