"""Stores of one process that nobody else writes to: what they hold is kept in memory, and written as ever."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import sqlalchemy as sa

from model_code.data.delta import Table, locate
from model_code.data.store import ObservationStore
from model_code.ledger import Entry, Ledger
from model_code.ledger.ledger import TABLE
from model_code.sql import transaction


@dataclass
class Held:
    """What is in memory of one table: its state as opened, and the rows of one version."""

    state: Any = None
    version: int = -1
    rows: pa.Table | None = None


@dataclass(frozen=True)
class RememberedTable(Table):
    """A Delta table whose latest version is held in memory; its own appends are added to what is held."""

    held: Held = field(default_factory=Held, compare=False)

    def exists(self) -> bool:
        """As `Table.exists`."""
        return self.held.state is not None or super().exists()

    def open(self, version: int | None = None) -> Any:
        """As `Table.open`."""
        if self.held.state is None:
            self.held.state = super().open()
        latest = version is None or version == self.held.state.version()
        return self.held.state if latest else super().open(version)

    def read(self, table: Any, columns: list[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """As `Table.read`."""
        if table is not self.held.state:
            return super().read(table, columns, where)
        if self.held.version != table.version():
            self.held.rows, self.held.version = super().read(table), table.version()
        return ds.dataset(self.held.rows).to_table(columns=columns, filter=where)

    def _commit(self, table: Any, rows: pa.Table) -> int:
        version, held = super()._commit(table, rows), self.held
        if held.rows is not None and held.version == version - 1 and set(held.rows.column_names) == set(rows.column_names):
            added = rows.select(held.rows.column_names).cast(held.rows.schema)
            held.rows, held.version = pa.concat_tables([held.rows, added]).combine_chunks(), version
        return version


class RememberedStore(ObservationStore):
    """Observation tables of one process."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._tables: dict[str, RememberedTable] = {}

    def _table(self, usecase: str, feed: str, kind: str = "observations") -> Table:
        url = locate(self.url, usecase, feed, kind)
        return self._tables.setdefault(url, RememberedTable(url))


class RememberedLedger(Ledger):
    """A ledger of one process: an entry, which never changes, is read once."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._read: list[Entry] = []

    def entries(self, usecase: str | None = None) -> list[Entry]:
        """As `Ledger.entries`."""
        newest = self._read[-1].id if self._read else 0
        query = sa.select(TABLE).where(TABLE.c.id > newest).order_by(TABLE.c.id)
        with transaction(self._engine) as connection:
            self._read += [Entry.model_validate(dict(row)) for row in connection.execute(query).mappings()]
        return [entry for entry in self._read if usecase in (None, entry.usecase)]
