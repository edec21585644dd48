"""Files of rows: which kind a file is, and an answer that is on the disk whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from model_code.errors import ConfigurationError

KINDS = {
    ".parquet": "application/vnd.apache.parquet",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
    ".csv": "text/csv",
}


@dataclass(frozen=True)
class BatchAnswer:
    """The answer to a file of rows.

    Attributes:
        path: Where it is.
        request_id: What its predictions are kept under.
        version: Registry version that answered.
        bundle: Hash of the bundle that answered.
    """

    path: Path
    request_id: str
    version: str
    bundle: str


def kind_of(path: Path) -> str:
    """The media type of a file, by the end of its name.

    Raises:
        ConfigurationError: The service has no such kind.

    Example:
        >>> kind_of(Path("rows.csv"))
        'text/csv'
    """
    try:
        return KINDS[path.suffix.lower()]
    except KeyError:
        raise ConfigurationError(f"{path.name} is of no kind that /batch knows", hint=f"name it …{', …'.join(KINDS)}") from None


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once everything is written; nothing is left behind by a failure."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
