"""What every target of a rollout is, and what it tells."""

from typing import Protocol

from pydantic import BaseModel, ConfigDict

from model_code.usecase import UseCase


class Status(BaseModel):
    """What runs at a target.

    Attributes:
        running: Whether the endpoint's process is there.
        ready: Whether it serves the wanted bundle.
        usecase: What it serves; None when nothing runs.
        url: Its address.
        version: Registry version that answers; None when there is none.
        bundle: Hash of the bundle that answers; None when there is none.
        reason: Why it is not ready; empty when it is.
        pid: Process id; None when nothing runs, or where there is no such thing.
        log: Where its log is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    running: bool
    ready: bool
    usecase: str | None = None
    url: str
    version: str | None = None
    bundle: str | None = None
    reason: str = ""
    pid: int | None = None
    log: str = ""


class Target(Protocol):
    """Where to: a local process, a Helm release, an InferenceService."""

    def deploy(self, usecase: UseCase, *, timeout: float = 60.0) -> Status:
        """Make the pointer's wanted bundle the running endpoint; done already is fine.

        Raises:
            RolloutError: It did not become ready in `timeout` seconds, and why.
        """
        ...

    def wait_ready(self, bundle_hash: str, timeout: float = 60.0) -> Status:
        """Wait until that bundle answers.

        Raises:
            RolloutError: It is refused, or did not within `timeout` seconds, and why.
        """
        ...

    def status(self) -> Status:
        """What runs there now."""
        ...

    def stop(self) -> None:
        """End the endpoint; nothing running is fine."""
        ...
