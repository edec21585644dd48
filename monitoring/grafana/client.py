"""Annotations in one Grafana, through grafana-client: asked for by tag, written, changed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

from model_code.errors import ConfigurationError, EvenkeelError
from monitoring.marks import Mark

SECONDS = 5.0  # one request; Grafana answers in milliseconds or not at all
OF_THIS_ONE = (400, 404, 409, 412, 413, 422)  # statuses that tell of one annotation, not of Grafana


class GrafanaFailed(EvenkeelError):
    """Grafana did not answer, refused, or answered something else."""

    status = 502
    title = "Grafana failed"


class GrafanaRefused(GrafanaFailed):
    """Grafana does not take this annotation; another one it may."""

    title = "Grafana refused an annotation"


class Annotations:
    """The annotations of one Grafana; a context manager, which closes its connections.

    Args:
        url: Base address, with its path where it lies below one.
        token: Of a service account that may read and write annotations.
        seconds: That one request may take.

    Raises:
        ConfigurationError: The address is not one, or there is no token.
    """

    def __init__(self, url: str, token: str, *, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ConfigurationError("EVENKEEL_GRAFANA_URL is no plain address", hint="such as https://grafana.example.org")
        if not token:
            raise ConfigurationError(f"no token for {url}", hint="set EVENKEEL_GRAFANA_TOKEN to a service account's token")
        # The client pastes a path and "api" together: without a slash at the end it would ask /grafanaapi.
        self.url = f"{url.rstrip('/')}/"
        self._token = token
        self._seconds = seconds
        self._api: Any = None  # the client has no types of its own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._api is not None:
            self._api.client.s.close()
            self._api = None

    def find(self, mark: Mark) -> int | None:
        """Number of the annotation that carries the mark's own tag, if there is one.

        Raises:
            GrafanaFailed: It cannot be asked.
        """
        tags = [mark.tags[0], mark.label]  # the client does not escape them: plain characters only
        found = self._ask("find", lambda api: api.annotations.get_annotation(tags=tags, limit=1))
        if not isinstance(found, list):
            raise GrafanaFailed(f"{self.url} answered no list of annotations", hint="is EVENKEEL_GRAFANA_URL a Grafana?")
        return _number(found[0], self.url) if found else None

    def add(self, mark: Mark) -> int:
        """Write a mark; the number that Grafana gave it.

        Raises:
            GrafanaRefused: It was not taken.
            GrafanaFailed: Grafana cannot be asked.
        """
        return _number(self._ask("add", lambda api: api.annotations.add_annotation(**_content(mark))), self.url)

    def change(self, annotation: int, mark: Mark) -> None:
        """Make an annotation tell what the mark tells now.

        Raises:
            GrafanaRefused: It was not taken, or is not there any more.
            GrafanaFailed: Grafana cannot be asked.
        """
        self._ask("change", lambda api: api.annotations.update_annotation(annotation, **_content(mark)))

    def _ask(self, what: str, call: Callable[[Any], Any]) -> Any:
        from grafana_client.client import GrafanaException

        try:
            return call(self._connection())
        except GrafanaException as error:
            kind = GrafanaRefused if error.status_code in OF_THIS_ONE else GrafanaFailed
            raise kind(f"{what} annotation at {self.url}: {error.message}"[:500], hint=_hint(error.status_code)) from error
        except (OSError, ValueError) as error:  # no connection, or no JSON: the client lets its library's errors through
            raise GrafanaFailed(f"{what} annotation at {self.url}: {error}"[:500], hint="is it up?") from error

    def _connection(self) -> Any:
        if self._api is None:
            from grafana_client.api import GrafanaApi  # 0.3 s, only where annotations are written

            self._api = GrafanaApi.from_url(self.url, self._token, timeout=self._seconds)
        return self._api


def _content(mark: Mark) -> dict[str, Any]:
    end = mark.at if mark.until is None else mark.until
    return {"time_from": _milliseconds(mark.at), "time_to": _milliseconds(end), "tags": list(mark.tags), "text": mark.text}


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _number(answer: Any, url: str) -> int:
    number = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(number, int):
        raise GrafanaFailed(f"{url} answered without the annotation's number", hint="is EVENKEEL_GRAFANA_URL a Grafana?")
    return number


def _hint(status: int) -> str:
    if status in (401, 403):
        return "EVENKEEL_GRAFANA_TOKEN must be of a service account that may write annotations"
    return "see Grafana's log" if status >= 500 else ""
