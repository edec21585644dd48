"""Objects in a bucket (S3 or Google Cloud Storage), read and written with limits on size, time and attempts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_code.errors import BundleError, BundleUnavailable, ConfigurationError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES: Final = ("s3", "gs")
CHUNK_BYTES: Final = 2**20
CONNECT_SECONDS: Final = 5
SILENT_SECONDS: Final = 15  # a store that says nothing for so long is taken for dead
REQUEST_SECONDS: Final = 300  # a bundle may be a gigabyte
ATTEMPTS: Final = 4
RETRY_SECONDS: Final = 30
ALLOW_HTTP: Final = ("ALLOW_HTTP", "AWS_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")


class Absent(BundleError):
    """There is no such object."""


class Bucket:
    """Named objects below a prefix.

    Args:
        url: `s3://bucket/prefix` or `gs://bucket/prefix`. Credentials, region and endpoint come from the environment
            (`AWS_…`, `GOOGLE_…`), as for the observation tables, or from the machine's own role.
        setting: That names it, for messages.

    Raises:
        ConfigurationError: Another kind of URL, or no bucket in it.
    """

    def __init__(self, url: str, *, setting: str = "EVENKEEL_BUNDLES_URL") -> None:
        scheme, _, place = url.partition("://")
        if scheme not in SCHEMES or not place.partition("/")[0]:
            raise ConfigurationError(
                f"{setting} {url!r} is of no known kind", hint="a folder, s3://bucket/prefix or gs://bucket/prefix"
            )
        self.url, self._setting = url, setting

    def read(self, name: str, limit: int) -> Iterator[bytes]:
        """An object's content, piece by piece.

        Args:
            name: Below the prefix.
            limit: Most bytes that it may have.

        Raises:
            Absent: There is no such object.
            BundleUnavailable: The bucket is missing, does not answer, or refuses.
            BundleError: The object is larger.
        """
        import obstore

        with self._in_words("read", name):
            found = obstore.get(self._store, name)
            if found.meta["size"] > limit:
                raise BundleError(f"{name} in {self.url} is larger than {limit} bytes", hint="no bundle of ours has this")
            for piece in found.stream(CHUNK_BYTES):
                yield bytes(piece)

    def write(self, name: str, file: Path) -> None:
        """Put a file's content into an object: whole or not at all.

        Raises:
            BundleUnavailable: The bucket is missing, does not answer, or refuses.
        """
        import obstore

        with self._in_words("write", name):
            try:
                obstore.put(self._store, name, file)
            except FileNotFoundError as error:  # what is written cannot be missing: the bucket is
                raise self._no_bucket(error) from error

    @cached_property
    def _store(self) -> "ObjectStore":
        """Imported at first use: a service that has its bundle already never pays for it."""
        from obstore.store import from_url

        allowed = any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in ALLOW_HTTP)
        return from_url(
            self.url,
            client_options={
                "allow_http": allowed,
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "read_timeout": timedelta(seconds=SILENT_SECONDS),
                "timeout": timedelta(seconds=REQUEST_SECONDS),
            },
            retry_config={"max_retries": ATTEMPTS - 1, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )

    @contextmanager
    def _in_words(self, doing: str, name: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket(error) from error
            raise Absent(f"no {name} in {self.url}", hint="was it removed, or written elsewhere?") from error
        except (BaseError, OSError) as error:
            told = str(error).splitlines()[0][:400] if str(error) else repr(error)
            raise BundleUnavailable(f"cannot {doing} {name} in {self.url}: {told}", hint=self._advice(error)) from error

    def _no_bucket(self, error: Exception) -> BundleUnavailable:
        return BundleUnavailable(f"there is no bucket {self.url}", hint=f"make it, or correct {self._setting}")

    def _advice(self, error: Exception) -> str:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        told = str(error).lower()
        # Without a key the client asks the cloud machine's own metadata server for one.
        lacking = any(word in told for word in ("/latest/", "metadata", "token request", "credential"))
        if lacking or isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError):
            names = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" if self.url.startswith("s3") else "GOOGLE_SERVICE_ACCOUNT"
            return f"are there credentials with access to it? {names}, or the machine's role"
        return f"is {self._setting} right, and the object store up and reachable from here?"
