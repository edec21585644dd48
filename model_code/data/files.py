"""Source: CSV (plain or gzip) and Parquet files of a folder."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from model_code.data.pages import chosen, delay_of, only_entity, page, within
from model_code.errors import ConfigurationError, SourceChanged, SourceUnavailable
from model_code.feeds import FilesSource
from model_code.settings import Settings
from model_code.usecase import UseCase

OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
log = logging.getLogger(__name__)


class DataFiles:
    """One feed read from files; a page a file.

    Without a `known_at_column` a row is known once its period has ended and its delay has passed. A value
    that is no number becomes NaN, for the validation to judge; a time that is none stops the file.

    Args:
        usecase: The use case, whose folder relative paths start at.
        feed_name: A feed whose source is of kind `files`.
        settings: Not needed; sources are made alike.

    Raises:
        ConfigurationError: Neither an entity column nor exactly one entity.
    """

    def __init__(self, usecase: UseCase, feed_name: str, settings: Settings) -> None:
        feed = usecase.spec.feeds[feed_name]
        assert isinstance(feed.source, FilesSource)
        self._source = feed.source
        self._delay = delay_of(feed)
        self._path = usecase.folder / feed.source.path
        self._offered = usecase.spec.entities
        self._entity = None if feed.source.entity_column else only_entity(usecase.spec, feed_name)

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """See `Source.fetch`.

        Raises:
            ConfigurationError: No such folder or file.
            SourceChanged: A file lacks a column or has a time that is none; the message names file, column, line.
            SourceUnavailable: A file cannot be read.
        """
        names = chosen(entities, self._offered) if self._offered is not None else list(entities)
        for path in self._paths():
            rows = within(self._observations(path), start, end, now)
            if names:
                rows = rows[rows["entity"].isin(names)].reset_index(drop=True)
            if not rows.empty:
                yield rows

    def _paths(self) -> list[Path]:
        if self._path.is_file():
            return [self._path]
        if not self._path.is_dir():
            raise ConfigurationError(f"no file or folder {self._path}", hint="relative paths start at the use case's folder")
        return sorted(path for path in self._path.glob(self._source.pattern) if path.is_file() and path.name[0] != ".")

    def _observations(self, path: Path) -> pd.DataFrame:
        raw = self._read(path)
        source = self._source
        optional = (source.known_at_column, source.entity_column)
        needed = [source.time_column, *(name for name in optional if name), *source.columns.values()]
        absent = [name for name in needed if name not in raw.columns]
        if absent:
            raise SourceChanged(f"{path}: no column {', '.join(absent)}", hint=f"it has: {', '.join(map(str, raw.columns))}")
        time = _times(raw[source.time_column], path)
        known_at = _times(raw[source.known_at_column], path) if source.known_at_column else time + self._delay
        entity = raw[source.entity_column].astype(str).to_numpy(object) if source.entity_column else self._entity
        values = {ours: _numbers(raw[theirs], path) for ours, theirs in source.columns.items()}
        return page(entity, time, known_at, values)

    def _read(self, path: Path) -> pd.DataFrame:
        try:
            if path.suffix == ".parquet":
                return pd.read_parquet(path).reset_index(drop=True)
            raw = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8")
        except FileNotFoundError as error:
            raise SourceUnavailable(f"{path} is gone", hint="was it removed while it was read?") from error
        except PermissionError as error:
            raise SourceUnavailable(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
        except (ValueError, OSError, EOFError) as error:  # ParserError, UnicodeDecodeError, ArrowInvalid are ValueErrors
            raise SourceChanged(f"{path}: {error}", hint="files are CSV, CSV with gzip, or Parquet") from error
        if not isinstance(raw.index, pd.RangeIndex):  # pandas takes surplus fields for an index
            raise SourceChanged(f"{path}: lines have more fields than the header", hint="name every column in the first line")
        return raw[(raw != "").any(axis=1)]  # blank lines go, but keep their numbers


def _times(texts: pd.Series, path: Path) -> pd.DatetimeIndex:
    """Aware times of a column.

    Raises:
        SourceChanged: One of them is no ISO 8601 time with an offset.
    """
    if isinstance(texts.dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(texts.dt.tz_convert("UTC"))
    if pd.api.types.is_datetime64_any_dtype(texts):
        raise SourceChanged(f"{path}: column {texts.name!r} has times without time zone", hint="store them with one")
    plain = texts.astype(str).str.strip()
    parsed = pd.to_datetime(plain, format="ISO8601", utc=True, errors="coerce")
    _refuse(parsed.isna(), plain, path, "is no time", "write it like 2014-01-01T00:00:00+10:00")
    _refuse(~plain.str.contains(OFFSET), plain, path, "has no offset from UTC", "write it like 2014-01-01T00:00:00+10:00")
    return pd.DatetimeIndex(parsed)


def _refuse(wrong: pd.Series, texts: pd.Series, path: Path, what: str, hint: str) -> None:
    lines = np.flatnonzero(wrong)
    if len(lines):
        where = f"{path}, line {_line(texts, lines[0])}, column {texts.name!r}"
        raise SourceChanged(f"{where}: {texts.iloc[lines[0]]!r} {what} ({len(lines)} such lines)", hint=hint)


def _numbers(texts: pd.Series, path: Path) -> np.ndarray:
    numbers = pd.to_numeric(texts, errors="coerce")
    if texts.dtype == object:
        odd = np.flatnonzero(numbers.isna() & (texts.astype(str).str.strip() != ""))
        if len(odd):
            first, line = texts.iloc[odd[0]], _line(texts, odd[0])
            log.warning("%s, line %d, column %r: %r is no number (%d such)", path, line, texts.name, first, len(odd))
    return numbers.to_numpy(np.float64)


def _line(column: pd.Series, position: np.intp) -> int:
    """Line in a CSV file: the header is line 1 and the index counts the lines after it."""
    return int(column.index[int(position)]) + 2
