"""Reading a bundle's files: what cannot be understood is refused by name, and contents are told by their hash."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml

from model_code.errors import BundleError, EvenkeelError, LibraryMissing

T = TypeVar("T")


def understood(name: str, read: Callable[[], T]) -> T:
    """What `read` gives.

    Raises:
        LibraryMissing: A library for it is not installed.
        BundleError: It failed; the message names the file.
    """
    try:
        return read()
    except BundleError:
        raise
    except ModuleNotFoundError as error:
        raise LibraryMissing(
            f"{name} of the bundle needs {error.name}, which is not installed here",
            hint="build an image of this version: make image",
        ) from error
    except (EvenkeelError, OSError, ValueError, TypeError, LookupError, RecursionError, yaml.YAMLError) as error:
        raise BundleError(
            f"{name} of the bundle is not understood: {error}", hint="was it written by another version?"
        ) from error


def check_hash(folder: Path, name: str, wanted: str, content: bytes | None = None) -> None:
    """Compare a file with its SHA-256, reading it unless its content is given.

    Raises:
        BundleError: It was altered.
        OSError: It cannot be read.
    """
    if content is not None:
        found = hashlib.sha256(content).hexdigest()
    else:
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise BundleError(f"{name} in {folder} was altered", hint="fetch the bundle again")
