"""Which bundle each use case shall serve: one row that services watch."""

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from model_code import sql

TABLE = sa.Table(
    "pointer",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("wanted", sa.String, nullable=False),
    sa.Column("previous", sa.String),
    sa.Column("generation", sa.Integer, nullable=False),
)


class Pointer(BaseModel):
    """Where one use case stands.

    Attributes:
        usecase: Name of the use case.
        wanted: Hash of the bundle that services shall serve.
        previous: Hash of the bundle that a rollback returns to; None when there is none.
        generation: Counts the changes, from 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    wanted: str
    previous: str | None
    generation: int


class Pointers:
    """The pointers of all use cases behind one SQL engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        sql.create_table(engine, TABLE)

    def get(self, usecase: str) -> Pointer | None:
        """The pointer of a use case; None before its first promotion.

        Raises:
            StoreError: The database cannot be read.
        """
        with sql.transaction(self._engine) as connection:
            row = connection.execute(sa.select(TABLE).where(TABLE.c.usecase == usecase)).mappings().first()
        return Pointer.model_validate(dict(row)) if row else None

    def bundles(self) -> set[str]:
        """Hashes of all bundles that a pointer names, as wanted or as previous, of every use case.

        Raises:
            StoreError: The database cannot be read.
        """
        with sql.transaction(self._engine) as connection:
            rows = connection.execute(sa.select(TABLE.c.wanted, TABLE.c.previous)).all()
        return {named for row in rows for named in row if named is not None}

    def move(self, usecase: str, wanted: str, previous: str | None) -> Pointer:
        """Point elsewhere, in one statement; without a change the generation stays.

        Raises:
            StoreError: The database cannot be written.
        """
        new = sql.insert(self._engine, TABLE).values(usecase=usecase, wanted=wanted, previous=previous, generation=1)
        changed = TABLE.c.wanted.is_distinct_from(new.excluded.wanted) | TABLE.c.previous.is_distinct_from(new.excluded.previous)
        statement = new.on_conflict_do_update(
            index_elements=[TABLE.c.usecase],
            set_={"wanted": new.excluded.wanted, "previous": new.excluded.previous, "generation": TABLE.c.generation + 1},
            where=changed,
        )
        with sql.transaction(self._engine) as connection:
            connection.execute(statement)
            row = connection.execute(sa.select(TABLE).where(TABLE.c.usecase == usecase)).mappings().one()
        return Pointer.model_validate(dict(row))
