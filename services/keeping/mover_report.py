"""What the mover tells the keepers of its spool: a small file beside the segments."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from services.keeping.moving import Moved

NAME = "mover.json"


class StoreState(msgspec.Struct, frozen=True):
    """How the mover found the store.

    Attributes:
        down_since: Seconds since the epoch; None while the store takes rows.
        error: What the store said; empty while it takes rows.
        rows: Rows that this mover moved.
    """

    down_since: float | None = None
    error: str = ""
    rows: int = 0


class MoverReport:
    """Written by the mover when something changed.

    Args:
        folder: The spool.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._told: StoreState | None = None
        self._down_since: float | None = None

    def store_is_up(self, moved: "Moved") -> None:
        """The store took everything, or there was nothing to take."""
        if self._down_since is not None:
            print("evenkeel spool: the store takes records again", file=sys.stderr, flush=True)
        self._down_since = None
        self._tell(StoreState(rows=moved.rows))

    def store_is_down(self, error: str, moved: "Moved") -> None:
        """The store refused to take anything."""
        if self._down_since is None:
            self._down_since = time.time()
            print(f"evenkeel spool: the store takes no records, they wait here: {error}", file=sys.stderr, flush=True)
        self._tell(StoreState(self._down_since, error, moved.rows))

    def _tell(self, state: StoreState) -> None:
        if state == self._told:
            return
        made = self._path.with_suffix(".json-new")
        try:
            made.write_bytes(msgspec.json.encode(state))
            os.replace(made, self._path)
        except OSError as error:  # a full disk is no reason to stop emptying it
            print(f"evenkeel spool: {made}: {error}", file=sys.stderr, flush=True)
            return
        self._told = state


def read_report(folder: Path) -> StoreState:
    """What the mover told last; all well where it never told anything."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=StoreState)
    except (FileNotFoundError, msgspec.MsgspecError):
        return StoreState()
