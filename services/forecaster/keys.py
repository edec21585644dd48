"""Bearer keys: a file of hashes, read again when it changes; `python -m services.forecaster.keys new NAME` makes one."""

import argparse
import hashlib
import logging
import re
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_code.errors import ConfigurationError, EvenkeelError
from services.forecaster.problems import TooManyRequests, Unauthorized

LOOK_SECONDS = 1.0  # how soon a changed file counts
MAX_FILE_BYTES = 1_000_000
NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,79}")
BURST_SECONDS = 1.0  # a key may use this much of its rate at once
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log


@dataclass(slots=True)
class Key:
    """A caller's key as the service knows it.

    Attributes:
        name: Whose it is; kept with the predictions.
        rate: Requests a second, for each worker; 0 is without bound.
    """

    name: str
    rate: float
    _left: float = field(default=0.0, repr=False)
    _at: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self._left = max(1.0, self.rate * BURST_SECONDS)

    def spend(self, now: float) -> None:
        """Take one request from the token bucket.

        Args:
            now: Seconds of a clock that only goes forward.

        Raises:
            TooManyRequests: There is none left.
        """
        if not self.rate:
            return
        most = max(1.0, self.rate * BURST_SECONDS)
        self._left = min(most, self._left + (now - self._at) * self.rate) if self._at else most
        self._at = now
        if self._left < 1:
            raise TooManyRequests(
                f"key {self.name} has used its {self.rate:g} requests a second",
                retry_after=(1 - self._left) / self.rate,
                hint="wait as long as Retry-After says",
            )
        self._left -= 1


class Keys:
    """The keys of a file, looked at again every second; a file that went bad leaves the last good keys in force.

    Args:
        path: The file: a line for each key, `NAME SHA256 [RATE]`; `#` begins a comment.
        rate: Requests a second for keys without a rate of their own, over all workers; 0 is without bound.
        share: How many workers share a rate.

    Raises:
        ConfigurationError: The file is missing or wrong; the line is named, its content is not told.
    """

    def __init__(self, path: Path, *, rate: float = 0.0, share: int = 1) -> None:
        self.problem = ""
        self._path, self._rate, self._share = path, rate, share
        self._stamp = self._stat()
        self._keys = self._read()
        self._looked = 0.0

    def admit(self, authorization: bytes | None, now: float) -> Key:
        """The caller's key, one request of its rate spent.

        Args:
            authorization: The header, `Bearer KEY`.
            now: Seconds of a clock that only goes forward.

        Raises:
            Unauthorized: No key, or an unknown one.
            TooManyRequests: Its rate is used up.
        """
        if now - self._looked > LOOK_SECONDS:
            self._look(now)
        if authorization is None or authorization[:7].lower() != b"bearer ":
            raise Unauthorized("a key is needed", hint="send the header `Authorization: Bearer KEY`")
        found = self._keys.get(hashlib.sha256(authorization[7:].strip()).digest())
        if found is None:
            raise Unauthorized("this key is not known (any more)", hint="ask who runs the service for a new one")
        found.spend(now)
        return found

    def _look(self, now: float) -> None:
        self._looked = now
        try:
            stamp = self._stat()
            if stamp != self._stamp:
                self._keys, self._stamp = self._read(), stamp
            self.problem = ""
        except ConfigurationError as error:
            if str(error) != self.problem:
                logger.error("the keys of before stay in force, those taken out since, too: %s", error)
            self.problem = str(error)

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise ConfigurationError(f"keys file {self._path}: {error.strerror}", hint=HOW) from error
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> dict[bytes, Key]:
        try:
            with self._path.open(encoding="utf-8") as file:
                lines = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"keys file {self._path} cannot be read: {error}", hint=HOW) from error
        if len(lines) > MAX_FILE_BYTES:
            raise ConfigurationError(f"keys file {self._path} is larger than {MAX_FILE_BYTES} bytes", hint=HOW)
        known = getattr(self, "_keys", {})
        found: dict[bytes, Key] = {}
        for number, line in enumerate(lines.splitlines(), 1):
            parts = line.partition("#")[0].split()
            if parts:
                digest, key = self._parsed(number, parts)
                old = known.get(digest)  # a key that stays keeps what it has spent
                found[digest] = old if old is not None and (old.name, old.rate) == (key.name, key.rate) else key
        if not found:
            raise ConfigurationError(f"keys file {self._path} has no key", hint=HOW)
        return found

    def _parsed(self, number: int, parts: list[str]) -> tuple[bytes, Key]:
        try:
            name, digest, *rest = parts
            if not NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest) or len(rest) > 1:
                raise ValueError
            rate = float(rest[0]) if rest else self._rate
            if not 0 <= rate < float("inf"):
                raise ValueError
        except ValueError as error:
            raise ConfigurationError(
                f"line {number} of keys file {self._path} is not `NAME SHA256 [requests a second]`", hint=HOW
            ) from error
        return bytes.fromhex(digest), Key(name, rate / self._share)


HOW = "`python -m services.forecaster.keys new NAME` prints a key and its line"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a key: the key itself on standard output, its line appended to a file or shown on standard error."""
    parser = argparse.ArgumentParser(prog="python -m services.forecaster.keys", description=__doc__)
    new = parser.add_subparsers(dest="command", required=True).add_parser("new", help="make a key")
    new.add_argument("name", help="whose it is; kept with the predictions it asks for")
    new.add_argument("--rate", type=float, help="requests a second over all workers; 0 is without bound")
    new.add_argument("--file", type=Path, help="keys file to append the line to (EVENKEEL_KEYS_FILE)")
    given = parser.parse_args(arguments)
    if not NAME.fullmatch(given.name):
        parser.error(f"name {given.name!r}: letters, digits and . _ - @, at most 80")
    if given.rate is not None and not 0 <= given.rate < float("inf"):
        parser.error("--rate is a number of requests a second, 0 or more")
    key = secrets.token_urlsafe(32)
    rate = "" if given.rate is None else f" {given.rate:g}"
    line = f"{given.name} {hashlib.sha256(key.encode()).hexdigest()}{rate}\n"
    if given.file is None:
        sys.stderr.write(f"Line for the keys file: {line}")
    else:
        before = given.file.read_bytes() if given.file.exists() else b""
        with given.file.open("a", encoding="utf-8") as file:
            file.write(line if before.endswith(b"\n") or not before else f"\n{line}")  # not every editor ends the last line
        given.file.chmod(0o600)
        Keys(given.file)
        sys.stderr.write(f"Line added to {given.file} ({time.strftime('%Y-%m-%d')}). The key is shown once:\n")
    sys.stdout.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EvenkeelError as error:
        sys.exit(str(error))
