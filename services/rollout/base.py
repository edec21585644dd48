"""What every target of a rollout is, and what it tells."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_code.errors import RolloutError

Track = Literal["stable", "canary", "shadow"]
Staged = Literal["canary", "shadow"]
CHALLENGERS: tuple[Staged, ...] = ("canary", "shadow")


class Busy(RolloutError):
    """Another rollout of the use case is going on."""

    status = 409


class Wanted(BaseModel):
    """What shall run.

    Attributes:
        usecase: Name of the use case.
        version: Number in the registry.
        bundle: SHA-256 of the bundle's manifest.
        image: `repository:tag` whose code answers. None: the one that runs already, or this checkout's code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")
    version: str = Field(pattern=r"^[1-9][0-9]{0,8}$")
    bundle: str = Field(pattern=r"^[0-9a-f]{64}$")
    image: str | None = None


class TrackStatus(BaseModel):
    """What one track of a use case runs.

    Attributes:
        track: `stable` follows the pointer; `canary` and `shadow` serve the bundle that they were staged with.
        version: Registry version that it was deployed for; None where nobody noted one.
        bundle: Hash of that bundle; None where nobody noted one.
        image: `repository:tag`; None where the code is this checkout's.
        replicas: How many shall run.
        ready_replicas: How many answer with the bundle that they shall serve.
        weight: Percent of the callers' requests; None where nothing shares them out.
        reason: Why not all are ready; empty when they are.
        since: When what runs was started; None where that is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: Track
    version: str | None = None
    bundle: str | None = None
    image: str | None = None
    replicas: int = 0
    ready_replicas: int = 0
    weight: int | None = None
    reason: str = ""
    since: AwareDatetime | None = None

    @property
    def ready(self) -> bool:
        """Whether every replica is there and answers with the right bundle."""
        return 0 < self.replicas <= self.ready_replicas


class TargetStatus(BaseModel):
    """What a target runs for one use case, read from the target and not from memory.

    Attributes:
        target: Name of the target.
        usecase: Name of the use case.
        revision: Number of the release; None where a target counts none, or nothing is deployed.
        tracks: Those that are there, `stable` first; empty when nothing is deployed.
        differs: What runs otherwise than release, pointer or ledger say, one sentence each.
        reason: What is wrong with the whole; empty when nothing is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    usecase: str
    revision: int | None = None
    tracks: tuple[TrackStatus, ...] = ()
    differs: tuple[str, ...] = ()
    reason: str = ""

    def track(self, name: Track) -> TrackStatus | None:
        """That track; None where it is not there."""
        return next((each for each in self.tracks if each.track == name), None)

    @property
    def ready(self) -> bool:
        """Whether the stable track is there and every replica of it answers with the right bundle."""
        stable = self.track("stable")
        return stable is not None and stable.ready


class Revision(BaseModel):
    """One release of the past or the present.

    Attributes:
        revision: Its number.
        at: When it was made.
        state: `deployed`, `superseded`, `failed`, or what the target calls it.
        version: Registry version of the stable track; None where nobody noted one.
        bundle: Hash of that bundle; None where nobody noted one.
        image: `repository:tag` of the stable track; None where nobody noted one.
        what: What made it, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: int
    at: datetime
    state: str
    version: str | None = None
    bundle: str | None = None
    image: str | None = None
    what: str = ""


class Target(Protocol):
    """Where to: processes of this machine, a Helm release, InferenceServices.

    Every verb is idempotent, and done again after a kill it completes what was begun: it works from what the target
    itself tells. Verbs that change something take the lock of the use case, unless this object holds it already.

    Every verb raises RolloutError: the target cannot be reached, somebody else's rollout is going on, or what was asked
    did not come about; the message says what, where and what to do. What answered before goes on answering.
    """

    @property
    def name(self) -> str:
        """`local`, `helm` or `kserve`."""
        ...

    @property
    def weighted(self) -> bool:
        """Whether it can share requests out between stable and canary."""
        ...

    def lock(self, usecase: str) -> AbstractContextManager[None]:
        """Hold the use case's rollout alone, for as long as a rollout takes; it ends with its holder.

        Raises:
            RolloutError: Somebody else holds it; or, within the block, from any verb: it was lost.
        """
        ...

    def deploy(self, wanted: Wanted, *, timeout: float = 120.0) -> TargetStatus:
        """Make that the stable track, and wait until every replica of it serves what the pointer wants.

        Raises:
            RolloutError: The pointer wants another bundle; or it did not become ready in `timeout` seconds, and why.
        """
        ...

    def stage(self, wanted: Wanted, track: Staged, *, timeout: float = 120.0) -> TargetStatus:
        """Start a second endpoint that serves this bundle alone, gets none of the callers' requests, and is ready."""
        ...

    def traffic(self, usecase: str, percent: int) -> TargetStatus:
        """Give the canary that share of the callers' requests; returns without waiting for more than the target's word.

        0 needs no lock: it is the safe direction.
        """
        ...

    def promote(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Make the canary's release the stable one's, and end the canary. The pointer wants its bundle by then."""
        ...

    def withdraw(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Take all requests from the canary at once (without the lock), then end canary and shadow."""
        ...

    def rollback(self, usecase: str, *, revision: int | None = None, timeout: float = 120.0) -> TargetStatus:
        """Return to an earlier release: its image. Which bundle answers stays the pointer's word.

        Args:
            usecase: Name of the use case.
            revision: One of `history`. Default: the one before; a rollback that was done is not done a second time.
            timeout: Seconds.
        """
        ...

    def status(self, usecase: str) -> TargetStatus:
        """What runs there now."""
        ...

    def history(self, usecase: str) -> tuple[Revision, ...]:
        """The releases that can be told of, newest first; empty where a target keeps none."""
        ...

    def stop(self, usecase: str) -> None:
        """End all of it; nothing running is fine."""
        ...

    def endpoint(self, usecase: str, track: Track = "stable") -> AbstractContextManager[str]:
        """A base URL that reaches that track from here for as long as the block lasts."""
        ...
