"""The folder of reports: written whole or not at all, bounded by count and age, with index pages that follow."""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from model_code.errors import NotReady
from monitoring.reports import index
from monitoring.reports.record import STAMP, Record

ASSETS = "assets"
LEFT_BEHIND = 3600.0  # seconds after which a file that belongs to nothing was left by a run that was killed
LOCK_SECONDS = 30.0


class Archive:
    """The reports of all use cases under one folder.

    Args:
        folder: `<home>/reports`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def records(self, usecase: str) -> list[Record]:
        """Newest first; a record that an older release wrote otherwise is left out."""
        found = (_read(path) for path in (self.folder / usecase).glob("*.json"))
        return sorted((record for record in found if record is not None), key=lambda record: record.at, reverse=True)

    def newest(self, usecase: str, until: datetime) -> Record | None:
        """The newest report that does not judge a later moment."""
        last = f"{until.strftime(STAMP)}.json"
        for path in sorted((self.folder / usecase).glob("*.json"), key=lambda path: path.name, reverse=True):
            record = _read(path) if path.name <= last else None
            if record is not None and record.at <= until:
                return record
        return None

    def keep(self, record: Record, pages: Mapping[str, str], assets: Mapping[str, str]) -> None:
        """Write a report: what its pages load, the pages, its record, the index. Killed anywhere, nothing half is shown.

        Args:
            pages: File name -> HTML, as the record names them.
            assets: File name -> text.

        Raises:
            NotReady: Another process has been writing for half a minute.
        """
        with self._alone():
            for name, text in assets.items():
                if not (self.folder / ASSETS / name).exists():
                    _write(self.folder / ASSETS / name, text)
            for name, text in pages.items():
                _write(self.folder / record.usecase / name, text)
            _write(self.folder / record.usecase / f"{record.stamp}.json", record.model_dump_json(indent=1))
            self._index(record.usecase)

    def prune(self, usecase: str, *, keep: int, max_age: timedelta, now: datetime, made: str = "") -> int:
        """Remove the oldest reports; the newest always stays. Returns how many went.

        Args:
            keep: Most reports that stay.
            max_age: Of the moment that a report judges, before `now`.
            made: Stamp of one that was made just now: it stays until the next time, however old the moment that it judges.
        """
        with self._alone():
            records = self.records(usecase)
            old = [record for place, record in enumerate(records) if place and (place >= keep or record.at < now - max_age)]
            gone = [record for record in old if record.stamp != made]
            for record in gone:  # the record first, so that nothing lists what is going
                (self.folder / usecase / f"{record.stamp}.json").unlink(missing_ok=True)
                for name in record.pages.values():
                    (self.folder / usecase / name).unlink(missing_ok=True)
            self._sweep()
            self._index(usecase)
            return len(gone)

    def _index(self, usecase: str) -> None:
        _write(self.folder / usecase / "index.html", index.of_usecase(usecase, self.records(usecase)))
        latest = {path.name: self.records(path.name) for path in sorted(self.folder.iterdir()) if _is_usecase(path)}
        _write(self.folder / "index.html", index.of_all({name: records for name, records in latest.items() if records}))

    def _sweep(self) -> None:
        """Remove old files that no record names: assets, pages and half-written files of runs that were killed."""
        named = {self.folder / "index.html"}
        for path in (path for path in self.folder.iterdir() if _is_usecase(path)):
            named.add(path / "index.html")
            for record in self.records(path.name):
                named.add(path / f"{record.stamp}.json")
                named |= {path / name for name in record.pages.values()}
                named |= {self.folder / ASSETS / name for name in record.assets}
        limit = time.time() - LEFT_BEHIND
        for path in self.folder.glob("*/*"):
            if path.is_file() and path not in named and path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)

    def _alone(self) -> AbstractContextManager[object]:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            return FileLock(self.folder / ".lock").acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise NotReady(f"{self.folder} has been written to for {LOCK_SECONDS:.0f} s", hint="try again") from error


def _is_usecase(path: Path) -> bool:
    return path.is_dir() and path.name != ASSETS


def _read(path: Path) -> Record | None:
    try:
        return Record.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
