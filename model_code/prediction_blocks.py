"""The table of blocks: answers that nobody can judge, many requests in one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from model_code import sql
from model_code.errors import StoreError
from model_code.kept.block import records_in, request_check

if TYPE_CHECKING:
    from model_code.kept.record import Kept

TABLE = sa.Table(
    "prediction_block",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("block_id", sa.String, primary_key=True),
    sa.Column("made_first", sql.UtcTime, nullable=False),
    sa.Column("made_last", sql.UtcTime, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("requests", sa.LargeBinary, nullable=False),
    sa.Column("records", sa.LargeBinary, nullable=False),
    sa.Index("prediction_block_by_made", "usecase", "made_last"),
)
PAGE = 64  # blocks of whose requests a query tells at once


def records_of(connection: sa.Connection, request_id: str, usecase: str | None) -> Iterator[Kept]:
    """The records of a request. Reads four bytes for each request that is kept: a look back, not a way to serve.

    Raises:
        StoreError: A block is damaged.
    """
    wanted = request_check(request_id)
    query = sa.select(TABLE.c.usecase, TABLE.c.block_id, TABLE.c.requests).order_by(TABLE.c.made_first)
    if usecase is not None:
        query = query.where(TABLE.c.usecase == usecase)
    for found in connection.execute(query).partitions(PAGE):
        for name, block_id, requests in found:
            if wanted in memoryview(requests).cast("I"):
                yield from (each for each in _read(connection, name, block_id) if each.request_id == request_id)


def all_records(connection: sa.Connection, usecase: str | None, since: datetime | None = None) -> Iterator[Kept]:
    """The records of every block, oldest first; one block is in memory at a time.

    Args:
        connection: Of the database.
        usecase: Only of this use case.
        since: Only blocks whose last record was made then (aware) or later.

    Raises:
        StoreError: A block is damaged.
    """
    query = sa.select(TABLE.c.usecase, TABLE.c.block_id)
    if usecase is not None:
        query = query.where(TABLE.c.usecase == usecase)
    if since is not None:
        query = query.where(TABLE.c.made_last >= since)
    for name, block_id in connection.execute(query.order_by(TABLE.c.made_first)).fetchall():
        yield from _read(connection, name, block_id)


def count(connection: sa.Connection, usecase: str | None) -> int:
    """How many predictions lie in blocks."""
    query = sa.select(sa.func.coalesce(sa.func.sum(TABLE.c.rows), 0))
    if usecase is not None:
        query = query.where(TABLE.c.usecase == usecase)
    return int(connection.execute(query).scalar_one())


def drop(connection: sa.Connection, usecase: str, before: datetime) -> int:
    """Delete the oldest block if all of it was made before a time; the number of predictions in it."""
    oldest = sa.select(TABLE.c.block_id).where(TABLE.c.usecase == usecase, TABLE.c.made_last < before)
    chosen = oldest.order_by(TABLE.c.made_last).limit(1).scalar_subquery()
    statement = sa.delete(TABLE).where(TABLE.c.usecase == usecase, TABLE.c.block_id == chosen).returning(TABLE.c.rows)
    return sum(connection.execute(statement).scalars())


def _read(connection: sa.Connection, usecase: str, block_id: str) -> list[Kept]:
    query = sa.select(TABLE.c.records).where(TABLE.c.usecase == usecase, TABLE.c.block_id == block_id)
    try:
        return [each for records in connection.execute(query).scalars() for each in records_in(records)]
    except ValueError as error:
        raise StoreError(f"block {block_id} of {usecase}: {error}", hint="restore the database from a backup") from error
