"""What a service asks of whoever keeps its predictions: keep this, do you have that, are you well."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from model_code.errors import StoreError
from model_code.kept.record import Kept

if TYPE_CHECKING:
    from datetime import datetime

    from model_code.prediction import Prediction


KEEP_SECONDS = 20.0  # an answer waits no longer to be kept: below the server's time limit; a group commit takes milliseconds


class SpoolFull(StoreError):
    """There is no room for another prediction; nothing was kept, so nothing may be answered.

    Args:
        retry_after: Seconds after which to ask again.
    """

    title = "No room to keep predictions"

    def __init__(self, message: str, *, retry_after: float = 5.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


@dataclass(frozen=True)
class KeeperStanding:
    """How the keeping goes.

    Attributes:
        pending_bytes: What is kept here and not in the store yet.
        oldest_seconds: Age of the oldest of it; 0 when nothing waits.
        refusing: Why no record is taken now; empty while records are taken.
        store_down_since: When the store stopped taking records (aware); None while it takes them.
        error: What the store or the spool said last; empty while all is well.
        set_aside: Files with records that could not be read or stored; somebody must look at them.
    """

    pending_bytes: int = 0
    oldest_seconds: float = 0.0
    refusing: str = ""
    store_down_since: datetime | None = None
    error: str = ""
    set_aside: int = 0


class Keeper(Protocol):
    """Keeps answered predictions; safe to use from many threads."""

    def keep(self, record: Kept) -> Future[None] | None:
        """Keep a record; it may be answered once this returned None, or once the future that it returned resolves.

        Raises:
            SpoolFull: There is no room; nothing was kept. The future may fail with it as well.
            StoreError: It could not be kept. The future may fail with it as well.
            InvalidRequest: The store could never take it.
        """

    def find(self, usecase: str, request_id: str) -> list[Prediction]:
        """What is kept here of a request though perhaps not in the store yet, by position; else nothing.

        Ask here first and the store afterwards: the other way around, a record may move in between.
        """

    @property
    def standing(self) -> KeeperStanding:
        """How the keeping goes, as of the last look (at most a second ago)."""

    def close(self) -> None:
        """Take no more; wait some seconds until the store has what was kept, else leave it safely in the spool."""
