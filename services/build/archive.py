"""Archives that are the same bytes for the same files: what makes a layer's hash a function of its content."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

SOURCE_DATE_EPOCH = 0  # seconds; the content tells what is new, not the clock


def write_archive(target: Path, files: Mapping[str, bytes]) -> Path:
    """Write a tar of files and their folders: sorted, owned by root, readable by all, one fixed time.

    Args:
        target: The archive.
        files: Path in the archive -> content.
    """
    folders = sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for folder in folders:
            archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
        for name in sorted(files):
            entry = _entry(name, tarfile.REGTYPE, 0o644)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return target


def files_below(folder: Path, prefix: str) -> dict[str, bytes]:
    """Every file below a folder, as `write_archive` takes them; byte code is left out."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, SOURCE_DATE_EPOCH
    return entry
