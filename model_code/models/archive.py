"""Zip archives of model libraries, written so that the same content always gives the same bytes."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can tell


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these files in this order, not compressed, without the time of its making."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def files_of(archive: bytes) -> dict[str, bytes]:
    """Name -> content of the files of a zip archive, in its order.

    Raises:
        ValueError: It is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return {name: opened.read(name) for name in opened.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(f"no zip archive: {error}") from error
