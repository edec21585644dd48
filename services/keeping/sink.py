"""Where kept rows and blocks end up: the prediction tables, written with the bare driver, for it is on the way of every prediction."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from model_code.errors import StoreError
from model_code.kept.block import Block
from model_code.kept.rows import Row, utc_text

ROOT = Path(__file__).resolve().parents[2]
PREPARE_SECONDS = 60
URL = "EVENKEEL_SQL_URL"
HINT = "is EVENKEEL_SQL_URL right, the server up, the disk writable and not full?"


BLOCK_COLUMNS = ("usecase", "block_id", "made_first", "made_last", "rows", "requests", "records")


def block_values(block: Block) -> tuple[str | int | bytes | None, ...]:
    """A block as a row of its table, in the order of BLOCK_COLUMNS; times as text in UTC."""
    made = (utc_text(block.made_first), utc_text(block.made_last))
    return (block.usecase, block.block_id, *made, block.rows, block.requests, block.records)


class RowRefused(ValueError):
    """The store is well and will never take one of these rows."""


class Sink(Protocol):
    """Writes to the prediction tables; not for several threads at once."""

    def add(self, rows: Iterable[Row], blocks: Iterable[Block] = ()) -> int:
        """Commit rows and blocks, all or none; those that are known already stay as they were.

        Args:
            rows: Taken first.
            blocks: Taken when all rows are: they may be gathered meanwhile.

        Returns:
            How many predictions were new.

        Raises:
            StoreError: The store cannot be written now; a later call connects anew.
            RowRefused: The store takes some row never.
        """

    def close(self) -> None:
        """Let go of the store."""


def prepare_table(url: str) -> None:
    """Make the table, or bring it up to date, in a short-lived process that may import what that needs.

    Raises:
        StoreError: It failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "services.keeping.tables"],
            env=program_environment(url),
            capture_output=True,
            text=True,
            timeout=PREPARE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"the prediction table could not be prepared: {error}", hint=HINT) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StoreError(f"the prediction table could not be prepared: {last}", hint=HINT)


def program_environment(url: str) -> dict[str, str]:
    """The environment of a program of this package; the URL may hold a password, so it is no argument."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, URL: url}
