"""JSON over HTTP from a public API: bounded in time, bytes and retries; paced; keys never in messages or logs."""

import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from model_code.errors import ConfigurationError, SourceChanged, SourceError, SourceRefused, SourceUnavailable

Params = Sequence[tuple[str, str]]
MAX_REASON = 200
_KEY = re.compile(r"((?:api_?key|token)=)[^&\s\"']+", re.IGNORECASE)


class _HideKeys(logging.Filter):
    """httpx logs every URL; the keys in it are cut out."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _KEY.sub(r"\1***", record.getMessage())
        record.args = None
        return True


logging.getLogger("httpx").addFilter(_HideKeys())


@dataclass(frozen=True)
class Limits:
    """How long, how often and how much.

    Attributes:
        timeout: Seconds that one request may take, from connecting to the last byte.
        attempts: Requests for one answer, the first one included.
        backoff: Seconds before the second attempt, doubled for each further one, with jitter.
        longest_wait: Longest wait in seconds that a server may ask for; it is given up when it asks for more.
        pace: Least seconds between two requests of cost 1.
        max_bytes: Largest answer, decompressed.
    """

    timeout: float = 20.0
    attempts: int = 4
    backoff: float = 0.5
    longest_wait: float = 60.0
    pace: float = 0.0
    max_bytes: int = 64 * 1024 * 1024


@dataclass
class Http:
    """One API. `session()` opens the connection and gives the function that asks.

    Attributes:
        base_url: Scheme and host.
        limits: Bounds of each request.
        secrets: Values that must not appear in a message.
        refused_hint: What to do when the API refuses the key.
        sleep, clock, rng: Waiting, monotonic seconds and chance, to be replaced in tests.
    """

    base_url: str
    limits: Limits = Limits()
    secrets: Sequence[str] = field(default=(), repr=False)
    refused_hint: str = ""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)  # unseeded: clients must not wait in step
    _free_at: float = field(default=0.0, init=False, repr=False)

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """An open connection; closed at the end of the block.

        Raises:
            ConfigurationError: The address is none.
        """
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{self.base_url!r} is no address: {error}", hint="see docs/sources.md") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigurationError(f"{self.base_url!r} is no address", hint="write it like https://api.example.org")
        with httpx.Client(base_url=url, timeout=self.limits.timeout) as client:
            yield Session(self, client)

    def wait_for_turn(self, cost: float) -> None:
        """Keeps the API's rate limit: a request of cost 2 holds back the next one twice as long."""
        now = self.clock()
        if self._free_at > now:
            self.sleep(self._free_at - now)
        self._free_at = max(now, self._free_at) + self.limits.pace * cost


class _TryAgain(Exception):
    """An attempt failed in a way that may pass.

    Attributes:
        wait: Seconds that the server asked for, if it did.
    """

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True)
class Session:
    """An open connection to one API."""

    http: Http
    client: httpx.Client

    def get_json(self, path: str, params: Params, *, cost: float = 1.0) -> Any:
        """The parsed answer.

        Args:
            path: Path of the request; messages name it, never the query.
            params: Query, in order; names may repeat.
            cost: How much of the rate limit the request takes.

        Raises:
            SourceUnavailable: No answer, 429 or 5xx, after all attempts.
            SourceRefused: The API refused the key or the request.
            SourceChanged: The answer is no JSON, or too large.
        """
        limits = self.http.limits
        for attempt in range(1, limits.attempts + 1):
            self.http.wait_for_turn(cost)
            try:
                return self._attempt(path, params)
            except _TryAgain as failure:
                wait = self._wait(failure, attempt)
                if attempt == limits.attempts or wait > limits.longest_wait:
                    asked = f", which asks to wait {wait:.0f} s" if failure.wait is not None else ""
                    raise SourceUnavailable(
                        f"{self._where(path)}: {failure}{asked}; gave up after attempt {attempt}", hint="try again later"
                    ) from failure
                self.http.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait(self, failure: _TryAgain, attempt: int) -> float:
        backoff = self.http.limits.backoff * 2.0 ** (attempt - 1) * self.http.rng.uniform(0.5, 1.5)
        return float(max(backoff, failure.wait or 0.0))

    def _attempt(self, path: str, params: Params) -> Any:
        deadline = self.http.clock() + self.http.limits.timeout
        try:
            with self.client.stream("GET", path, params=list(params)) as response:
                content = self._read(response, deadline, path)
        except httpx.TimeoutException as error:
            raise _TryAgain(f"no answer within {self.http.limits.timeout:g} s") from error
        except httpx.TransportError as error:
            raise _TryAgain(f"connection failed: {self._clean(str(error))}") from error
        except (httpx.DecodingError, httpx.InvalidURL) as error:
            raise SourceChanged(f"{self._where(path)}: {self._clean(str(error))}") from error
        if response.status_code != 200:
            raise self._failure(response, content, path)
        return self._parsed(response, content, path)

    def _read(self, response: httpx.Response, deadline: float, path: str) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self.http.limits.max_bytes:
                raise SourceChanged(f"{self._where(path)}: answer larger than {self.http.limits.max_bytes} bytes")
            if self.http.clock() > deadline:
                raise _TryAgain(f"answer not complete within {self.http.limits.timeout:g} s")
        return b"".join(parts)

    def _failure(self, response: httpx.Response, content: bytes, path: str) -> Exception:
        status = response.status_code
        if status == 429 or status >= 500:
            return _TryAgain(f"answered {status}", _retry_after(response))
        reason = f"{self._where(path)}: answered {status}{self._reason(content)}"
        if status in (401, 403):
            return SourceRefused(reason, hint=self.http.refused_hint)
        if status >= 400:
            return SourceRefused(reason, hint="the request does not suit the API")
        error: SourceError = SourceChanged(reason, hint="the API has moved?")
        return error

    def _parsed(self, response: httpx.Response, content: bytes, path: str) -> Any:
        kind = response.headers.get("content-type", "no content type").split(";")[0].strip()
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            start = self._clean(content[:60].decode("utf-8", "replace"))
            raise SourceChanged(
                f"{self._where(path)}: no JSON but {kind}, {len(content)} bytes, beginning with {start!r}",
                hint="an error page, or an answer cut short",
            ) from error

    def _reason(self, content: bytes) -> str:
        try:
            answer = json.loads(content)
        except ValueError:
            return ""
        found = answer.get("reason") or answer.get("error") if isinstance(answer, dict) else None
        if isinstance(found, dict):
            found = found.get("message") or found.get("code")
        return f": {self._clean(str(found))[:MAX_REASON]}" if found else ""

    def _where(self, path: str) -> str:
        return f"{httpx.URL(self.http.base_url).host}{path}"

    def _clean(self, text: str) -> str:
        for secret in self.http.secrets:
            if secret:
                text = text.replace(secret, "***")
        return _KEY.sub(r"\1***", text)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of the Retry-After header, which is a number or a date (compared with the server's own clock)."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - parsedate_to_datetime(response.headers["date"])).total_seconds())
    except (ValueError, TypeError, KeyError):
        return None
