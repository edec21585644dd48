"""What the history of a Helm release says of a revision: written with it, and read back."""

import re
from typing import Self

from pydantic import BaseModel, ConfigDict

from services.rollout.cluster.plan import Plan

NOTE = re.compile(
    r"^(?P<verb>[a-z]+): version (?P<version>\S+), bundle (?P<bundle>[0-9a-f]*), image (?P<image>[^\s;]+)(?P<more>.*)$"
)


class Note(BaseModel):
    """What a revision's description says.

    Attributes:
        verb: What was done.
        version: Of the stable track.
        bundle: Its bundle.
        image: Its image.
        staged: Whether there was a canary or a shadow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: str
    version: str
    bundle: str
    image: str
    staged: bool

    @classmethod
    def of(cls, description: str) -> Self | None:
        """None where the words are not a rollout's."""
        found = NOTE.match(description)
        if found is None:
            return None
        told = found.groupdict()
        return cls(**{name: told[name] for name in ("verb", "version", "bundle", "image")}, staged=bool(told["more"]))


def described(plan: Plan, verb: str) -> str:
    """The words of a revision that brings a release to this plan.

    Args:
        plan: What it runs.
        verb: What is done.
    """
    told = f"{verb}: version {plan.version}, bundle {plan.bundle}, image {plan.image}"
    canary = f"; canary version {plan.canary.version} at {plan.canary.weight} %" if plan.canary else ""
    return told + canary + (f"; shadow version {plan.shadow.version}" if plan.shadow else "")
