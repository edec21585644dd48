"""Kept rows and blocks into PostgreSQL; rows are copied beside the table, then inserted in one statement."""

from collections.abc import Iterable
from typing import LiteralString

import psycopg

from model_code.errors import StoreError
from model_code.kept.block import Block
from model_code.kept.rows import COLUMNS, Row
from model_code.postgresql_patience import PATIENCE
from services.keeping.sink import BLOCK_COLUMNS, HINT, RowRefused, block_values, prepare_table

STATEMENT_SECONDS = 60
_SETTINGS: LiteralString = "SELECT set_config('timezone', 'UTC', false), set_config('statement_timeout', %s, false)"
_NAMES: LiteralString = ", ".join(COLUMNS)
_LOOK: LiteralString = f"SELECT {_NAMES} FROM prediction LIMIT 0"  # noqa: S608
_BESIDE: LiteralString = "CREATE TEMPORARY TABLE kept (LIKE prediction) ON COMMIT DELETE ROWS"
_COPY: LiteralString = f"COPY kept ({_NAMES}) FROM STDIN"
# In one order everywhere, so that two writers of the same rows wait for each other instead of both failing.
_FROM: LiteralString = f"SELECT {_NAMES} FROM kept ORDER BY usecase, prediction_id"  # noqa: S608
_ADD: LiteralString = f"INSERT INTO prediction ({_NAMES}) {_FROM} ON CONFLICT DO NOTHING"
_BLOCK_NAMES: LiteralString = ", ".join(BLOCK_COLUMNS)
_LOOK_BLOCKS: LiteralString = f"SELECT {_BLOCK_NAMES} FROM prediction_block LIMIT 0"  # noqa: S608
# Binary where the text form of bytes would be twice as long.
_ADD_BLOCK: LiteralString = (
    f"INSERT INTO prediction_block ({_BLOCK_NAMES}) VALUES (%s, %s, %s, %s, %s, %b, %b) ON CONFLICT DO NOTHING"  # noqa: S608
)
_FOR_GOOD = (psycopg.DataError, psycopg.IntegrityError, UnicodeError)


class PostgresqlSink:
    """Rows into a PostgreSQL database.

    Args:
        url: `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        scheme, _, rest = url.partition("://")
        self._address = f"{scheme.partition('+')[0]}://{rest}"
        self._connection: psycopg.Connection | None = None

    def add(self, rows: Iterable[Row], blocks: Iterable[Block] = ()) -> int:
        """Commit them, see `Sink`."""
        try:
            connection = self._connected()
            with connection.transaction(), connection.cursor() as cursor:
                with cursor.copy(_COPY) as copy:
                    for row in rows:
                        copy.write_row(row)
                added = cursor.execute(_ADD).rowcount
                for block in blocks:
                    added += block.rows * cursor.execute(_ADD_BLOCK, block_values(block)).rowcount
                return added
        except _FOR_GOOD as error:
            raise RowRefused(str(error)) from error
        except psycopg.Error as error:
            self.close()
            raise StoreError(f"SQL store: {error}", hint=HINT) from error
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        connection, self._connection = self._connection, None  # gone even where closing it fails
        if connection is not None:
            connection.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = self._open()
            try:
                self._connection.execute(_LOOK)
                self._connection.execute(_LOOK_BLOCKS)
            except psycopg.ProgrammingError:  # no such table, or one of an earlier release
                prepare_table(self._url)
            self._connection.execute(_BESIDE)
        return self._connection

    def _open(self) -> psycopg.Connection:
        connection = psycopg.connect(
            self._address,
            autocommit=True,
            application_name="evenkeel-keeping",
            connect_timeout=PATIENCE["connect_timeout"],
            keepalives_idle=PATIENCE["keepalives_idle"],
            tcp_user_timeout=STATEMENT_SECONDS * 1000,
        )
        try:
            connection.execute(_SETTINGS, (f"{STATEMENT_SECONDS}s",))  # times are given in UTC and without a zone
        except psycopg.Error:
            connection.close()
            raise
        return connection
