"""Building a bundle beside its place: checked, flushed, then renamed, so that it is there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model_code.bundle.contents import BundleRef
from model_code.bundle.load import read_folder
from model_code.durable import flush
from model_code.errors import BundleError

BUILDING = ".building-"
LOCK_SECONDS = 120


def build(root: Path, fill: Callable[[Path], str]) -> BundleRef:
    """Have a folder filled, loaded with all that it can answer with, and given its name.

    Several writers may be at work at once; what a killed one left behind is removed by the next.

    Args:
        root: Folder of the bundle store; made if it is not there.
        fill: Writes every file into an empty folder, and returns the hash of the manifest.

    Raises:
        BundleError: It does not load, gives other golden answers, or the store cannot be written.
    """
    with _only_writer(root):
        for leftover in root.glob(f"{BUILDING}*"):
            _remove(leftover)
        building = Path(tempfile.mkdtemp(prefix=BUILDING, dir=root))
        try:
            building.chmod(0o755)
            bundle_hash = fill(building)
            read_folder(building, bundle_hash).require()  # both forms, where there are two, give the golden answers
            _flush(building)
            _place(building, root / bundle_hash)
            flush(root)
        finally:
            _remove(building)
    return BundleRef(bundle_hash, root / bundle_hash)


@contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    """Writers take turns, so that whatever is half built belongs to one that died; the kernel frees a dead one's lock."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise BundleError(f"{root} is locked for {LOCK_SECONDS} s", hint="is another writer stuck?") from error
    except OSError as error:
        raise BundleError(f"the bundle store {root} cannot be written: {error}", hint="check permissions and space") from error


def _flush(folder: Path) -> None:
    """Force everything to the disk before the name exists, so that a power cut leaves no half bundle either."""
    for path in [*folder.rglob("*"), folder]:
        flush(path)


def _place(building: Path, place: Path) -> None:
    """Give the folder its name; a whole bundle that has it already stays, a damaged one is replaced."""
    if os.path.lexists(place):
        try:
            read_folder(place, place.name)
            return
        except BundleError:
            damaged = building.with_name(f"{building.name}-damaged")
            place.rename(damaged)
            building.rename(place)
            _remove(damaged)
            return
    building.rename(place)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
