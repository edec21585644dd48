"""Who moved which model, when, why, from what to what, on which evidence: append-only, held by the database itself."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import to_jsonable_python

from model_code import sql

Phase = Literal["intent", "done", "void", "note"]

TABLE = sa.Table(
    "ledger",
    sql.metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("intent", sa.String, nullable=False),
    sa.Column("phase", sa.String, nullable=False),
    sa.Column("usecase", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("scope", sa.JSON, nullable=False),
    sa.Column("from_version", sa.String),
    sa.Column("to_version", sa.String),
    sa.Column("from_bundle", sa.String),
    sa.Column("to_bundle", sa.String),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("at", sql.UtcTime, nullable=False),
    sa.Column("recorded_at", sql.UtcTime, nullable=False, server_default=sa.func.current_timestamp()),
    sa.UniqueConstraint("usecase", "intent", "phase", name="ledger_once"),
)

_TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
        """CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()""",
    ),
}


@sa.event.listens_for(TABLE, "after_create")
def _refuse_change(_table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    for statement in _TRIGGERS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


class Entry(BaseModel):
    """One line of the ledger.

    Attributes:
        id: Order of recording; given by the ledger.
        intent: What the entries of one action share. Default: derived from the other fields, so that the same
            note written twice is kept once.
        phase: `intent` before anything moves, then `done` or `void`; `note` for a decision that moves nothing.
        usecase: Name of the use case.
        action: promote, rollback, retrain, recalibrate, hold, …
        actor: Who: a person, or a flow with its run.
        reason: Why, in words.
        scope: Entities concerned; empty means all.
        from_version: Registry version before.
        to_version: Registry version after.
        from_bundle: Bundle hash before.
        to_bundle: Bundle hash after.
        evidence: What was known, as JSON; numbers that JSON lacks (NaN, infinity) become null.
        at: Time of the decision (aware; simulated in a simulation).
        recorded_at: Wall clock (aware). Default: the database's, at the moment of recording.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int | None = None
    intent: str = ""
    phase: Phase
    usecase: str
    action: str
    actor: str = Field(min_length=1)
    reason: str
    scope: tuple[str, ...] = ()
    from_version: str | None = None
    to_version: str | None = None
    from_bundle: str | None = None
    to_bundle: str | None = None
    evidence: dict[str, JsonValue] = {}
    at: AwareDatetime
    recorded_at: AwareDatetime | None = None

    @field_validator("evidence", mode="before")
    @classmethod
    def _as_json(cls, value: Mapping[str, Any]) -> Any:
        return json.loads(json.dumps(to_jsonable_python(dict(value), inf_nan_mode="null", fallback=_plain), allow_nan=False))


class Ledger:
    """The ledger of all use cases behind one SQL engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        sql.create_table(engine, TABLE)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """A lock among all programs that use this ledger; the system frees it when its owner dies.

        Raises:
            Locked: Another one holds it for longer than a writer waits.
        """
        return sql.exclusive(self._engine, name)

    def append(self, entry: Entry) -> Entry:
        """Record an entry once: the same use case, intent and phase again changes nothing.

        Returns:
            The entry as recorded, with id and times.

        Raises:
            StoreError: The database cannot be written.
        """
        row = entry.model_dump(exclude={"id"}) | {"intent": entry.intent or _derived_intent(entry), "scope": list(entry.scope)}
        if entry.recorded_at is None:
            del row["recorded_at"]
        same = [TABLE.c[name] == row[name] for name in ("usecase", "intent", "phase")]
        with sql.transaction(self._engine) as connection:
            connection.execute(sql.insert(self._engine, TABLE).values(row).on_conflict_do_nothing())
            return _entry(connection.execute(sa.select(TABLE).where(*same)).mappings().one())

    def entries(self, usecase: str | None = None) -> list[Entry]:
        """All entries in the order of recording, of one use case or of all.

        Raises:
            StoreError: The database cannot be read.
        """
        query = sa.select(TABLE).order_by(TABLE.c.id)
        if usecase is not None:
            query = query.where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def open_intents(self, usecase: str) -> list[Entry]:
        """Intents that are neither done nor void, oldest first: their writer died or is at work."""
        entries = self.entries(usecase)
        closed = {entry.intent for entry in entries if entry.phase in ("done", "void")}
        return [entry for entry in entries if entry.phase == "intent" and entry.intent not in closed]


def _plain(value: Any) -> Any:
    """A numpy number as Python's own; anything else that JSON lacks as text."""
    return _finite(value.item()) if hasattr(value, "item") else str(value)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and value - value != 0 else value


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry.model_validate(dict(row))


def _derived_intent(entry: Entry) -> str:
    text = entry.model_dump_json(exclude={"id", "intent", "phase", "recorded_at"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
