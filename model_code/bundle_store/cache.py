"""Bundles fetched from a bucket, on this machine's disk: each fetched once, there whole or not at all, and not for ever."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from model_code.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES, parse_manifest
from model_code.bundle_store.remote import RemoteBundles
from model_code.durable import flush
from model_code.errors import BundleError, BundleUnavailable, EvenkeelError

HASH: Final = re.compile(r"[0-9a-f]{64}")
FETCHING: Final = ".fetching-"
REMOVED: Final = ".removed-"
LOCK_SECONDS: Final = 300
KEPT: Final = 8  # enough for both of a few use cases and for those just rolled back from; the rest can be fetched again


class Cache:
    """A folder of bundles that lie in a bucket, shared by the programs of this machine.

    Args:
        folder: Made when first written to.
        remote: Where the bundles come from.
        wanted: Hashes that are never removed; asked when room is made.
        kept: How many others stay, those last used.
    """

    def __init__(self, folder: Path, remote: RemoteBundles, wanted: Callable[[], Collection[str]], kept: int = KEPT) -> None:
        self.folder = folder
        self._remote = remote
        self._wanted = wanted
        self._kept = kept

    def fetch(self, bundle_hash: str) -> None:
        """Have the bundle in the folder with every byte; what is there and whole is not fetched again.

        Raises:
            BundleError: It is missing in the bucket, or damaged there.
            BundleUnavailable: The bucket does not answer, or the folder cannot be written.
        """
        with self._alone():
            if not is_intact(self.folder, bundle_hash):
                self._clear(FETCHING)
                self._fetch(bundle_hash)
            self._make_room(bundle_hash)

    def make_room(self, newest: str) -> None:
        """Remove what is neither wanted nor recently used.

        Args:
            newest: A hash that has just been used.

        Raises:
            BundleUnavailable: The folder cannot be written.
        """
        with self._alone():
            self._make_room(newest)

    def used(self, bundle_hash: str) -> None:
        """Remember that the bundle was just used."""
        with suppress(OSError):  # a read-only folder is as good, nothing is removed from it either
            os.utime(self.folder / bundle_hash)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Programs take turns, so that whatever is half fetched belongs to one that died; the kernel frees its lock."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".fetch.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            raise BundleUnavailable(f"{self.folder} is locked for {LOCK_SECONDS} s", hint="is another fetch stuck?") from error
        except OSError as error:
            raise BundleUnavailable(
                f"the cache of bundles {self.folder} cannot be written: {error}",
                hint="check permissions and space; EVENKEEL_BUNDLES_CACHE names another folder",
            ) from error

    def _fetch(self, bundle_hash: str) -> None:
        building = Path(tempfile.mkdtemp(prefix=FETCHING, dir=self.folder))

        def take(name: str, piece: bytes) -> None:
            path = building / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(piece)

        try:
            building.chmod(0o755)
            self._remote.read(bundle_hash, take)
            for path in [*building.rglob("*"), building]:
                flush(path)
            self._place(building, self.folder / bundle_hash)
            flush(self.folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _place(self, building: Path, place: Path) -> None:
        self._clear(REMOVED)
        with FileLock(self.folder / ".lock", timeout=LOCK_SECONDS):  # whoever writes a bundle of its own holds this one
            if os.path.lexists(place):
                place.rename(place.with_name(f"{REMOVED}{place.name}"))
            building.rename(place)
        self._clear(REMOVED)

    def _make_room(self, newest: str) -> None:
        self.used(newest)
        bundles = [path for path in self.folder.iterdir() if HASH.fullmatch(path.name)]
        bundles.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        if len(bundles) <= self._kept:
            return
        try:
            wanted = {*self._wanted(), newest}
        except EvenkeelError:
            return  # nobody can tell now what is wanted: remove nothing, room is made the next time
        self._clear(REMOVED)  # what one that died left of the same bundle would be in the way
        for path in bundles[self._kept :]:
            if path.name not in wanted:
                path.rename(path.with_name(f"{REMOVED}{path.name}"))  # under its name it is whole or not there
        self._clear(REMOVED)

    def _clear(self, prefix: str) -> None:
        for path in self.folder.glob(f"{prefix}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def is_intact(root: Path, bundle_hash: str) -> bool:
    """Whether the folder of that hash has exactly the bytes that were written."""
    folder = root / bundle_hash
    try:
        with (folder / MANIFEST).open("rb") as file:
            manifest = parse_manifest(file.read(MAX_MANIFEST_BYTES + 1), bundle_hash)
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        return set(found) == {MANIFEST, *manifest.files} and all(
            _sha256(found[name]) == wanted for name, wanted in manifest.files.items()
        )
    except (OSError, BundleError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
