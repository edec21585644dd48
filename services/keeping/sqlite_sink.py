"""Kept rows and blocks into SQLite, with the standard library's driver."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from model_code.errors import StoreError
from model_code.kept.block import Block
from model_code.kept.rows import COLUMNS, Row
from services.keeping.sink import BLOCK_COLUMNS, HINT, RowRefused, block_values, prepare_table

BUSY_SECONDS = 30  # how long a writer waits for another one
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_LOOK = f"SELECT {_NAMES} FROM prediction LIMIT 0"  # noqa: S608
_ADD = f"INSERT INTO prediction ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT DO NOTHING"  # noqa: S608
_BLOCK_NAMES = ", ".join(f'"{name}"' for name in BLOCK_COLUMNS)
_LOOK_BLOCKS = f"SELECT {_BLOCK_NAMES} FROM prediction_block LIMIT 0"  # noqa: S608
_ADD_BLOCK = (
    f"INSERT INTO prediction_block ({_BLOCK_NAMES}) VALUES ({', '.join('?' * len(BLOCK_COLUMNS))}) ON CONFLICT DO NOTHING"  # noqa: S608
)
_FOR_GOOD = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, OverflowError, UnicodeError)


class SqliteSink:
    """Rows into a SQLite file.

    Args:
        url: `sqlite:///FILE`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._path = Path(url.partition(":///")[2].partition("?")[0]).resolve()
        self._connection: sqlite3.Connection | None = None

    def add(self, rows: Iterable[Row], blocks: Iterable[Block] = ()) -> int:
        """Commit them, see `Sink`."""
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            added = max(0, connection.executemany(_ADD, rows).rowcount)
            for block in blocks:
                added += block.rows * connection.execute(_ADD_BLOCK, block_values(block)).rowcount
            connection.execute("COMMIT")
        except _FOR_GOOD as error:
            self._undo()
            raise RowRefused(str(error)) from error
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"SQL store {self._path}: {error}", hint=HINT) from error
        except BaseException:  # the rows' own: the transaction must not stay open
            self._undo()
            raise
        return added

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None  # gone even where closing it fails
        if connection is not None:
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._open()
            except sqlite3.Error:  # no file or no such table, or one of an earlier release
                prepare_table(self._url)
                self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        address = f"{self._path.as_uri()}?mode=rw"
        connection = sqlite3.connect(address, BUSY_SECONDS, isolation_level=None, uri=True, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")  # a segment is deleted after the commit, so that must last
            connection.execute(_LOOK)
            connection.execute(_LOOK_BLOCKS)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _undo(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
