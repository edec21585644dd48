"""The reader of a table's log and the engine that writes tables find the same rows, in folders and in buckets."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from pyarrow.dataset import ParquetReadOptions

from model_code.data import delta
from model_code.data.delta_log import Snapshot
from model_code.data.store import ObservationStore
from model_code.errors import StoreError, TooLittleData
from tests.store_cases import START, observations, together

OPTIONS = ParquetReadOptions(dictionary_columns={"entity"})


@pytest.fixture(params=["folder", "s3", "gs"])
def table(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table with revisions, a column added later, a checkpoint, a compaction and commits after it."""
    url = str(tmp_path / "store")
    if request.param != "folder":
        for name, value in request.getfixturevalue({"s3": "s3", "gs": "gcs"}[request.param]).items():
            monkeypatch.setenv(name, value)
        url = f"{request.param}://observations/{tmp_path.name}"
    store = ObservationStore(url)
    for number in range(4):
        store.append("uc", "load", observations([1.0 + number, 2.0, float("nan")], entity=f"e {number}/ü"))
    store.append("uc", "load", observations([10.0], known_after=timedelta(days=2)).assign(price=7.0))
    found = f"{url}/uc/load/observations"
    opened = DeltaTable(found)
    opened.create_checkpoint()
    store.append("uc", "load", observations([5.0, 6.0], entity="late"))
    store.compact("uc", "load", list(range(7)), timedelta(days=30))
    store.append("uc", "load", together([observations([8.0], entity="later"), observations([9.0], entity="last")]))
    return found


def test_log__gives_the_rows_of_every_version(table: str) -> None:
    latest = DeltaTable(table).version()

    for version in range(latest + 1):
        theirs = DeltaTable(table, version=version).to_pyarrow_dataset(parquet_read_options=OPTIONS).to_table()
        ours = Snapshot.read(table, version).to_pyarrow_dataset(OPTIONS).to_table()
        order = [("entity", "ascending"), ("time", "ascending"), ("known_at", "ascending")]
        assert ours.schema.names == theirs.schema.names
        assert (
            ours.to_pandas()
            .astype({"entity": str})
            .sort_values([name for name, _ in order], ignore_index=True)
            .equals(theirs.to_pandas().astype({"entity": str}).sort_values([name for name, _ in order], ignore_index=True))
        ), version
    assert Snapshot.read(table).version() == latest


def test_log__filters_and_picks_columns(table: str) -> None:
    where = pc.field("load") > 4

    theirs = DeltaTable(table).to_pyarrow_dataset().to_table(columns=["time", "load"], filter=where)
    ours = Snapshot.read(table).to_pyarrow_dataset().to_table(columns=["time", "load"], filter=where)

    assert ours.schema == theirs.schema
    assert sorted(ours["load"].to_pylist()) == sorted(theirs["load"].to_pylist())
    assert ours.num_rows > 2


def test_log__without_a_table_or_a_version_is_refused(table: str) -> None:
    with pytest.raises(FileNotFoundError):
        Snapshot.read(f"{table}-not-there")
    with pytest.raises(ValueError, match="specified end version 99"):
        Snapshot.read(table, 99)


def _commit(folder: Path, *lines: str) -> str:
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020d}.json").write_text("\n".join(lines))
    return str(folder)


METADATA = r'{"metaData": {"schemaString": "{\"fields\": [{\"name\": \"a\", \"type\": \"%s\", \"nullable\": true}]}", %s}}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"protocol": {"minReaderVersion": 3, "readerFeatures": ["deletionVectors"]}}', "deletionVectors"),
        ('{"protocol": {"minReaderVersion": 2}}', "version 2"),
        ('{"add": {"path": "x", "size": 1, "deletionVector": {"storageType": "u"}}}', "deleted rows"),
        (METADATA % ("double", '"partitionColumns": ["a"]'), "partitions"),
        (METADATA % ("double", '"partitionColumns": [], "configuration": {"delta.columnMapping.mode": "name"}'), "renamed"),
        (METADATA % ("decimal(3,2)", '"partitionColumns": []'), r"decimal\(3,2\)"),
    ],
)
def test_log__refuses_what_it_does_not_know(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Snapshot.read(_commit(tmp_path / "table", line))


def test_log__notices_a_missing_commit(tmp_path: Path) -> None:
    store = ObservationStore(str(tmp_path))
    for number in range(3):
        store.append("uc", "load", observations([1.0], entity=str(number)))
    table = tmp_path / "uc" / "load" / "observations"
    (table / "_delta_log" / f"{1:020d}.json").unlink()

    with pytest.raises(ValueError, match="there is no commit 1"):
        Snapshot.read(str(table))


def test_store__reads_the_same_without_the_engine(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image that only answers."""
    store, at = ObservationStore(table.removesuffix("/uc/load/observations")), START + timedelta(days=9)
    expected, version = store.as_of("uc", "load", at), store.version("uc", "load")
    old = store.revisions("uc", "load", version=3)
    monkeypatch.setattr(delta, "WRITES", False)

    pd.testing.assert_frame_equal(store.as_of("uc", "load", at), expected)
    pd.testing.assert_frame_equal(store.revisions("uc", "load", version=3), old)
    assert store.version("uc", "load") == version
    assert store.exists("uc", "load")
    assert not store.exists("uc", "other")
    with pytest.raises(TooLittleData, match="refresh the feed first"):
        store.version("uc", "other")
    with pytest.raises(TooLittleData, match="refresh the feed first"):
        store.as_of("uc", "other", at)
    with pytest.raises(StoreError, match="ask for a version that the table has"):
        store.revisions("uc", "load", version=99)
