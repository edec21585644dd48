"""One Delta table: opened, read and appended to so that two writers at once never store a row twice."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import ParquetReadOptions

from model_code.data.delta_log import Snapshot
from model_code.errors import StoreError, TooLittleData

if TYPE_CHECKING:
    from deltalake import DeltaTable, WriterProperties

WRITES = find_spec("deltalake") is not None
"""Whether the engine that writes tables is installed; an image that only answers reads them by their log."""

ATTEMPTS = 30
"""Of several writers at once one always wins, so that this many writers can meet."""

ROW_GROUP = 131_072
"""Rows that a reader of a short time range must at least read; small, since most reads are of the latest days."""

WRITER = "evenkeel-append"
"""All appends share one Delta transaction id: Delta refuses a commit if another one of that id came in between."""

CONFIGURATION: Mapping[str, str | None] = {
    # Models name table versions for years: the log must keep them all (the default forgets after 30 days).
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


@dataclass(frozen=True)
class Table:
    """A Delta table in a folder or a bucket, which may not exist yet.

    Attributes:
        url: Absolute folder, `s3://…` or `gs://…`.
        storage_options: For the object store; None reads the environment (`AWS_…`, `GOOGLE_…`).
    """

    url: str
    storage_options: dict[str, str] | None = None

    def exists(self) -> bool:
        """Whether there is a first commit."""
        self._check_folder()
        with store_errors("look for", self.url):
            if not WRITES:
                return Snapshot.exists(self.url)
            from deltalake import DeltaTable

            return DeltaTable.is_deltatable(self.url, self.storage_options)

    def version(self) -> int:
        """The latest version.

        Raises:
            TooLittleData: There is no table yet.
            StoreError: It cannot be read.
        """
        if WRITES:
            return int(self.open().version())
        with store_errors("open", self.url):
            found = Snapshot.latest(self.url)
        if found is None:
            raise self._no_table()
        return found

    def open(self, version: int | None = None) -> Any:
        """The table at its latest, or at a given version: a `DeltaTable`, or a `Snapshot` where nothing can be written.

        Raises:
            TooLittleData: There is no table yet.
            StoreError: It cannot be read, or has no such version.
        """
        if not self.exists():
            raise self._no_table()
        with store_errors("open", self.url):
            if not WRITES:
                return Snapshot.read(self.url, version)
            from deltalake import DeltaTable

            return DeltaTable(self.url, version=version, storage_options=self.storage_options)

    def read(
        self, table: "DeltaTable | Snapshot", columns: list[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        """Rows of an opened table; `entity`, if there is one, as dictionary.

        Raises:
            StoreError: A file is missing or damaged.
        """
        options = ParquetReadOptions(dictionary_columns={"entity"})
        with store_errors("read", self.url):
            return table.to_pyarrow_dataset(parquet_read_options=options).to_table(columns=columns, filter=where)

    def append(self, rows: pa.Table, only_new: Callable[["DeltaTable"], pa.Table]) -> tuple[int, int]:
        """Appends in one commit what `only_new` says is new against the table as it is at that commit.

        Optimistic: if another append came in between, the table is read again. Compaction does not disturb it.

        Args:
            rows: What is written when there is no table yet.
            only_new: The rows of `rows` that a given state of the table lacks.

        Returns:
            Version of the table that holds the rows, and how many were new.

        Raises:
            StoreError: It cannot be written; nothing of it is visible then.
        """
        from deltalake.exceptions import CommitFailedError

        for attempt in range(ATTEMPTS):
            table = self.open() if self.exists() else None
            fresh = rows if table is None else only_new(table)
            if table is not None and fresh.num_rows == 0:
                return table.version(), 0
            with store_errors("write", self.url):
                try:
                    return self._commit(table, fresh), fresh.num_rows
                except CommitFailedError:
                    pass
            time.sleep(min(0.5, 0.01 * 2**attempt))
        raise StoreError(
            f"cannot write {self.url}: {ATTEMPTS} times another writer came first", hint="run it again; run fewer at once"
        )

    def _no_table(self) -> TooLittleData:
        return TooLittleData(f"there is no table {self.url}", hint="refresh the feed first: `make refresh`")

    def _check_folder(self) -> None:
        """Delta takes an unreadable folder, or a file in its place, for "no table", which would hide that data exist."""
        if "://" in self.url:
            return
        with store_errors("look for", self.url):
            nearest = next(folder for folder in (Path(self.url), *Path(self.url).parents) if folder.exists())
            os.listdir(nearest)

    def _commit(self, table: "DeltaTable | None", rows: pa.Table) -> int:
        """One commit on exactly the opened state, or `CommitFailedError`."""
        from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

        writer = WriterProperties(max_row_group_size=ROW_GROUP, compression="ZSTD")
        if table is None:
            return self._create(rows, writer)
        same_columns = {field.name for field in table.schema().fields} == set(rows.column_names)
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode=None if same_columns else "merge",
            writer_properties=writer,
            commit_properties=CommitProperties(app_transactions=[Transaction(WRITER, table.version() + 1)]),
        )
        return table.version()

    def _create(self, rows: pa.Table, writer: "WriterProperties") -> int:
        """The first commit. No retries: Delta would put a second first commit, with all its rows, behind another's."""
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        try:
            write_deltalake(
                self.url,
                rows,
                mode="error",
                configuration=CONFIGURATION,
                storage_options=self.storage_options,
                writer_properties=writer,
                commit_properties=CommitProperties(max_commit_retries=0, app_transactions=[Transaction(WRITER, 0)]),
            )
        except DeltaError as error:
            if "already exists" in str(error):
                raise CommitFailedError(str(error)) from error
            raise
        return 0


def locate(url: str, *parts: str) -> str:
    """The URL of a table below `url`; folders become absolute.

    Example:
        >>> locate("s3://bucket/store/", "demand_us", "load")
        's3://bucket/store/demand_us/load'
    """
    base = url if "://" in url else os.path.abspath(url)
    return "/".join([base.rstrip("/"), *parts])


@contextmanager
def store_errors(doing: str, where: str) -> Iterator[None]:
    """Turns what Delta, Arrow and the disk raise into `StoreError`: what, where, what to do."""
    no_table, not_first, others = _engine_errors()
    try:
        yield
    except no_table as error:
        raise TooLittleData(f"there is no table {where}", hint="refresh the feed first: `make refresh`") from error
    except not_first:
        raise
    except (*others, OSError, pa.ArrowException, ValueError) as error:
        raise StoreError(f"cannot {doing} {where}: {_first_words(error)}", hint=_hint(str(error))) from error


@cache
def _engine_errors() -> tuple[tuple[type[Exception], ...], ...]:
    """What the engine raises: no table; another writer came first; anything else."""
    if not WRITES:
        return (), (), ()
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

    return (TableNotFoundError,), (CommitFailedError,), (DeltaError,)


NOISE = re.compile(r"\x1b\[\d+m|↳|\s0: <unknown>.*", re.DOTALL)
"""Colours, arrows and stack traces in what Delta says."""


def _first_words(error: Exception) -> str:
    return " ".join(NOISE.sub("", str(error)).split())[:300]


HINTS = {
    "no space left": "free some space on that disk and run again: nothing of it was stored",
    "file too large": "raise the limit on file sizes and run again: nothing of it was stored",
    "quota": "raise the quota and run again: nothing of it was stored",
    "permission denied": "make the folder writable for this user, or set EVENKEEL_STORE_URL to another one",
    "read-only": "make the folder writable, or set EVENKEEL_STORE_URL to another one",
    "not a directory": "EVENKEEL_STORE_URL must be a folder or a bucket URL",
    "specified end version": "ask for a version that the table has",
    "error performing": "check the bucket's URL, its credentials in the environment, and the network",
}


def _hint(text: str) -> str:
    lower = text.lower()
    damaged = "the table is damaged: restore it from a copy, or move it away and backfill the feed"
    return next((hint for words, hint in HINTS.items() if words in lower), damaged)
