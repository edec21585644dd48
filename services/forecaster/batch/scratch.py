"""Files without a name, in which a batch waits: what goes wrong with them is the service's matter, not the caller's."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from model_code.errors import StoreError


class NoRoom(StoreError):
    """A batch cannot be put down: the disk is full, or there is no folder for it."""

    title = "No room for the batch"


def open_scratch() -> BinaryIO:
    """A new file, which goes when it is closed; in `TMPDIR`.

    Raises:
        NoRoom: There can be none.
    """
    with on_disk():
        return cast(BinaryIO, tempfile.TemporaryFile())


def close_scratch(file: BinaryIO) -> None:
    """Let it go, also where what is not written yet cannot be."""
    with suppress(OSError):
        file.close()


@contextmanager
def on_disk() -> Iterator[None]:
    """Around what writes such a file.

    Raises:
        NoRoom: The operating system refuses.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # pyarrow's, about what is written
            raise
        raise NoRoom(f"the batch cannot be put down: {error.strerror}", hint="does the service's TMPDIR have room?") from error
