"""What a Delta table holds at a version, read from its log: all that a service needs, without the engine that writes tables.

That engine is 145 MB, a third of an image. Tables of ours are simple (no partitions, no deleted rows, no renamed columns);
whatever is not that is refused. A conformance suite holds the two readers to the same rows.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self, cast
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyarrow.dataset import Dataset, FileSystemDataset, ParquetFileFormat, ParquetFragmentScanOptions, ParquetReadOptions

LOG = "_delta_log"
COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
READER = 1  # version of the protocol that this reader speaks; of later ones, only the features below
FEATURES = {"timestampNtz"}
TYPES = {
    "string": pa.string(),
    "double": pa.float64(),
    "float": pa.float32(),
    "long": pa.int64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}
ALLOW_HTTP = ("AWS_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP", "ALLOW_HTTP")


@dataclass
class Snapshot:
    """A table at one version.

    Attributes:
        files: Path of each data file below the table -> its size in bytes.
        columns: Name -> type, in the table's order.
    """

    _place: fs.FileSystem
    _version: int
    files: dict[str, int] = field(default_factory=dict)
    columns: pa.Schema = field(default_factory=lambda: pa.schema([]))

    @classmethod
    def read(cls, url: str, version: int | None = None) -> Self:
        """The table at a version, by default its latest.

        Args:
            url: Absolute folder, `s3://…` or `gs://…`; credentials come from the environment (`AWS_…`, `GOOGLE_…`).
            version: The version.

        Raises:
            FileNotFoundError: There is no table.
            ValueError: It has no such version, a part of its log is missing, or it uses what this reader does not know.
            OSError: It cannot be read.
        """
        place = _file_system(url)
        commits, checkpoints = _listed(place)
        if not commits | checkpoints:
            raise FileNotFoundError(f"{url} has no {LOG} with commits")
        last = max(commits | checkpoints) if version is None else version
        first = max((each for each in checkpoints if each <= last), default=-1)
        missing = set(range(first + 1, last + 1)) - commits
        if last < 0 or missing:
            raise ValueError(f"specified end version {last}: there is no commit {min(missing, default=last)}")
        found = cls(place, last)
        for action in found._actions(first, last):
            found._apply(action)
        return found

    @classmethod
    def exists(cls, url: str) -> bool:
        """Whether there is a table."""
        return cls.latest(url) is not None

    @classmethod
    def latest(cls, url: str) -> int | None:
        """The latest version, by a listing of the log alone; None without a table."""
        commits, checkpoints = _listed(_file_system(url))
        return max(commits | checkpoints, default=None)

    def version(self) -> int:
        """The version."""
        return self._version

    def to_pyarrow_dataset(self, parquet_read_options: ParquetReadOptions | None = None) -> Dataset:
        """Its rows, to be read in part; files written before a column was added give nulls for it."""
        dictionaries = set(parquet_read_options.dictionary_columns) if parquet_read_options else set()
        fields = [
            pa.field(each.name, pa.dictionary(pa.int32(), each.type) if each.name in dictionaries else each.type)
            for each in self.columns
        ]
        form = ParquetFileFormat(
            read_options=parquet_read_options, default_fragment_scan_options=ParquetFragmentScanOptions(pre_buffer=True)
        )
        fragments = [form.make_fragment(path, filesystem=self._place) for path in self.files]
        return FileSystemDataset(fragments, pa.schema(fields), form, self._place)

    def _actions(self, checkpoint: int, last: int) -> Iterator[dict[str, Any]]:
        if checkpoint >= 0:
            with self._place.open_input_file(f"{LOG}/{checkpoint:020d}.checkpoint.parquet") as file:
                parquet = pq.ParquetFile(file)
                wanted = [name for name in ("add", "metaData", "protocol") if name in parquet.schema_arrow.names]
                for batch in parquet.iter_batches(columns=wanted):
                    yield from ({name: row[name] for name in wanted if row[name] is not None} for row in batch.to_pylist())
        for number in range(checkpoint + 1, last + 1):
            with self._place.open_input_stream(f"{LOG}/{number:020d}.json") as file:
                yield from (json.loads(line) for line in file.read().splitlines() if line.strip())

    def _apply(self, action: dict[str, Any]) -> None:
        for kind, told in action.items():
            if kind == "add":
                if told.get("deletionVector"):
                    raise ValueError("the table has deleted rows in a form that is not known here")
                self.files[unquote(told["path"])] = told["size"]
            elif kind == "remove":
                self.files.pop(unquote(told["path"]), None)
            elif kind == "metaData":
                self.columns = _columns(told)
            elif kind == "protocol":
                _check_protocol(told)


def _listed(place: fs.FileSystem) -> tuple[set[int], set[int]]:
    """Versions with a commit, and versions with a checkpoint."""
    names = {info.base_name for info in place.get_file_info(fs.FileSelector(LOG, allow_not_found=True))}
    commits = {int(found[1]) for name in names if (found := COMMIT.fullmatch(name))}
    return commits, {int(found[1]) for name in names if (found := CHECKPOINT.fullmatch(name))}


def _columns(told: dict[str, Any]) -> pa.Schema:
    configuration = dict(told.get("configuration") or {})
    if told.get("partitionColumns") or configuration.get("delta.columnMapping.mode", "none") != "none":
        raise ValueError("the table has partitions or renamed columns, which are not known here")
    fields = json.loads(told["schemaString"])["fields"]
    unknown = [
        f"{each['name']}: {each['type']}" for each in fields if not isinstance(each["type"], str) or each["type"] not in TYPES
    ]
    if unknown:
        raise ValueError(f"the table has columns of types that are not known here: {', '.join(unknown)}")
    return pa.schema([pa.field(each["name"], TYPES[each["type"]], each["nullable"]) for each in fields])


def _check_protocol(told: dict[str, Any]) -> None:
    unknown = set(told.get("readerFeatures") or ()) - FEATURES
    if unknown or (told["minReaderVersion"] > READER and told["minReaderVersion"] != 3):
        raise ValueError(f"the table needs a reader of version {told['minReaderVersion']}, with {sorted(unknown)}")


def _file_system(url: str) -> fs.FileSystem:
    if "://" not in url:
        return fs.SubTreeFileSystem(url, fs.LocalFileSystem(use_mmap=False))
    from obstore.fsspec import FsspecStore

    scheme, _, path = url.partition("://")
    allowed = any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in ALLOW_HTTP)
    store = cast(Any, FsspecStore)(scheme, client_options={"allow_http": allowed}, skip_instance_cache=True)
    return fs.SubTreeFileSystem(path, fs.PyFileSystem(fs.FSSpecHandler(store)))
