"""CSV and Parquet files: read, or refused with file, column and line."""

import gzip
import logging

import numpy as np
import pandas as pd
import pytest

from model_code.data.files import DataFiles
from model_code.errors import ConfigurationError, SourceChanged, SourceRefused
from model_code.settings import Settings
from tests.source_cases import gather, usecase_with, utc

SPEC = {"kind": "files", "path": "data", "columns": {"demand": "MW"}}
LINES = "time,zone,MW\n2024-01-01T00:00:00Z,A,1\n2024-01-01T02:00:00+01:00,A,2\n2024-01-01T02:00Z,B,3\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path


def fetch(folder, *, entities=(), start="2023-01-01", end="2025-01-01", now="2025-01-01", offered=None, feed=None, **spec):
    usecase = usecase_with({**SPEC, **spec}, entities=offered, folder=folder, **(feed or {}))
    return gather(DataFiles(usecase, "load", Settings()).fetch(utc(start), utc(end), utc(now), entities))


def test_fetch__reads_csv_gzip_and_parquet_alike(folder):
    (folder / "data" / "a.csv").write_text(LINES)
    (folder / "data" / "b.csv.gz").write_bytes(gzip.compress(LINES.encode()))
    plain = pd.DataFrame({"time": pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T01:00Z", "2024-01-01T02:00Z"])})
    plain.assign(zone=["A", "A", "B"], MW=[1, 2, 3]).to_parquet(folder / "data" / "c.parquet")

    pages = [fetch(folder, pattern=f"{name}.*", entity_column="zone", offered=["A", "B"]) for name in "abc"]

    assert pages[0]["time"].tolist() == [utc("2024-01-01T00:00"), utc("2024-01-01T01:00"), utc("2024-01-01T02:00")]
    assert pages[0]["demand"].tolist() == [1.0, 2.0, 3.0]
    for other in pages[1:]:
        pd.testing.assert_frame_equal(other, pages[0])


def test_fetch__a_row_is_known_after_its_period_and_delay(folder):
    (folder / "data" / "a.csv").write_text(LINES)
    feed = {"step": "PT1H", "publication_delay": "PT30M"}

    rows = fetch(folder, now="2024-01-01T02:30", feed=feed)

    assert rows["known_at"].tolist() == [utc("2024-01-01T01:30"), utc("2024-01-01T02:30")]


def test_fetch__the_file_tells_when_a_row_was_known(folder):
    (folder / "data" / "a.csv").write_text(
        "time,seen,MW\n2024-01-01T00:00Z,2024-01-02T00:00Z,1\n2024-01-01T00:00Z,2024-01-05T00:00Z,2\n"
    )

    assert fetch(folder, known_at_column="seen")["demand"].tolist() == [1.0, 2.0]
    assert fetch(folder, known_at_column="seen", now="2024-01-04")["demand"].tolist() == [1.0]


def test_fetch__a_word_instead_of_a_number_is_nan_and_told(folder, caplog):
    (folder / "data" / "a.csv").write_text("time,MW\n2024-01-01T00:00Z,MISSING\n2024-01-01T01:00Z,\n2024-01-01T02:00Z,-200\n")

    with caplog.at_level(logging.WARNING):
        rows = fetch(folder)

    np.testing.assert_array_equal(rows["demand"], [np.nan, np.nan, -200.0])
    assert "a.csv, line 2, column 'MW': 'MISSING' is no number (1 such)" in caplog.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("when,MW\n2024-01-01T00:00Z,1\n", r"a\.csv: no column time \(it has: when, MW\)"),
        ("time,MW\n2024-01-01T00:00Z,1\nyesterday,2\n", r"a\.csv, line 3, column 'time': 'yesterday' is no time"),
        ("time,MW\n,1\n", r"a\.csv, line 2, column 'time': '' is no time"),
        ("time,MW\n2024-01-01T00:00:00,1\n", r"a\.csv, line 2, column 'time': '2024-01-01T00:00:00' has no offset"),
        ("time,MW\n2024-01-01,1\n", "has no offset"),
        ("time,MW\n2024-13-01T00:00Z,1\n", "is no time"),
        ('time,MW\n2024-01-01T00:00Z,"1\n', r"a\.csv"),
        ("time,MW\n1,2,3,4\n5,6\n", r"a\.csv"),
        ("time,MW\n2024-01-01T00:00Z,1,9\n", "more fields than the header"),
        ("time,MW\n\n2024-01-01T00:00Z,1\n\nx,1\n", "line 5"),
        ("", r"a\.csv"),
    ],
)
def test_fetch__names_file_line_and_column_of_what_is_wrong(folder, content, told):
    (folder / "data" / "a.csv").write_text(content)

    with pytest.raises(SourceChanged, match=told):
        fetch(folder)


def test_fetch__blank_lines_are_no_rows(folder):
    (folder / "data" / "a.csv").write_text("time,MW\n\n2024-01-01T00:00Z,1\n\n")

    assert fetch(folder)["demand"].tolist() == [1.0]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.csv"])
def test_fetch__names_a_damaged_file(folder, name):
    (folder / "data" / name).write_bytes(b"\x1f\x8b\xff\xfe garbage")

    with pytest.raises(SourceChanged, match=name):
        fetch(folder)


def test_fetch__names_a_file_cut_short(folder):
    (folder / "data" / "a.csv.gz").write_bytes(gzip.compress(LINES.encode() * 100)[:40])

    with pytest.raises(SourceChanged, match=r"a\.csv\.gz"):
        fetch(folder)


def test_fetch__refuses_parquet_times_without_zone(folder):
    pd.DataFrame({"time": pd.to_datetime(["2024-01-01"]), "MW": [1.0]}).to_parquet(folder / "data" / "a.parquet")

    with pytest.raises(SourceChanged, match=r"a\.parquet: column 'time' has times without time zone"):
        fetch(folder)


def test_fetch__needs_the_folder(folder):
    with pytest.raises(ConfigurationError, match="no file or folder"):
        fetch(folder, path="elsewhere")


def test_fetch__one_file_by_its_path(folder):
    (folder / "one.csv").write_text(LINES)

    assert len(fetch(folder, path="one.csv")) == 3
    assert len(fetch(folder, path=str(folder / "one.csv"))) == 3


def test_fetch__refuses_an_entity_that_the_use_case_does_not_have(folder):
    with pytest.raises(SourceRefused, match="unknown entity C"):
        fetch(folder, entities=["C"])


def test_data_files__needs_a_column_for_several_entities(folder):
    with pytest.raises(ConfigurationError, match="exactly one entity"):
        fetch(folder, offered=["A", "B"])
