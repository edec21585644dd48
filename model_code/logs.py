"""Log lines of every part: text for people or JSON for a collector, each with its run, use case, version and request; no secrets."""

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

CONTEXT_FIELDS = ("run_id", "usecase", "version", "request_id")
# As Prefect and our own code name them on a record.
RECORD_FIELDS = {
    "flow_run_id": "run_id",
    "flow_run_name": "run",
    "flow_name": "flow",
    "task_run_id": "task_run_id",
    **{name: name for name in CONTEXT_FIELDS},
}
Form = Literal["text", "json"]
TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|AUTH_STRING|NOTIFY_URLS)$")
CREDENTIALS = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
SHORTEST_SECRET = 8  # characters; a shorter word would blot out ordinary ones
HIDDEN = "***"

_context: ContextVar[Mapping[str, str]] = ContextVar("evenkeel_log_context", default=MappingProxyType({}))  # frozen
_process: dict[str, str] = {}
_sources: list[Callable[[], Mapping[str, str]]] = []
_hidden: set[str] = set()


# What makes Prefect's own server, worker and runs write the same JSON: its `logging.yml`, key by key.
PREFECT_AS_JSON = {
    "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": "model_code.logs.JsonFormatter",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_LOGGING_MARKUP": "false",
}


def configure(form: Form = "text", level: int = logging.INFO) -> None:
    """Send every log line of this process to standard error in that form; what was configured before is replaced.

    Args:
        form: `EVENKEEL_LOG_FORMAT`.
        level: Least level that is written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(TEXT))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("urllib3.connectionpool").setLevel(max(level, logging.ERROR))  # who asks says what failed in the end
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))  # a line for each of our own requests tells nobody anything


@contextlib.contextmanager
def bound(**fields: str | None) -> Iterator[None]:
    """Within the block, lines of this thread or task tell these fields (`run_id`, `usecase`, `version`, `request_id`)."""
    token = _context.set(_with(fields, _context.get()))
    try:
        yield
    finally:
        _context.reset(token)


def bind(**fields: str | None) -> None:
    """From here on, lines of this thread or task tell these fields; None takes one back."""
    _context.set(_with(fields, _context.get()))


def identify(**fields: str | None) -> None:
    """From here on, every line of this process tells these fields, unless something else is bound; None takes one back."""
    _process.update(_with(fields, _process))
    for name in [name for name, value in fields.items() if value is None]:
        _process.pop(name, None)


def ask(source: Callable[[], Mapping[str, str]]) -> None:
    """From here on, each line of this process also tells what `source` says when it is written, unless something else is bound.

    Args:
        source: Of fields by name, such as `run_id`; quick, and nothing where there is nothing to tell.
    """
    if source not in _sources:
        _sources.append(source)


def hide(secret: str) -> None:
    """Never write this value; the environment's own secrets are hidden without it."""
    if len(secret) >= SHORTEST_SECRET:
        _hidden.add(secret)


def redact(text: str) -> str:
    """The text without secrets.

    Example:
        >>> redact("postgresql://me:opensesame@host/db")
        'postgresql://***@host/db'
    """
    for secret in sorted(_hidden | _environment_secrets(), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return CREDENTIALS.sub(HIDDEN, text)


class TextFormatter(logging.Formatter):
    """A line for people, with what is bound at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback follows on lines of its own."""
        told = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        return redact(super().format(record) + (f" [{told}]" if told else ""))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, what is bound, and a traceback under `error`.

    It takes what `logging.config` passes to every formatter, and needs none of it.
    """

    def __init__(self, *_args: object, **_options: object) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """The line; never more than one, and never an error of its own."""
        line: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({name: redact(value) for name, value in line.items()}, ensure_ascii=False)


def _with(fields: Mapping[str, str | None], before: Mapping[str, str]) -> dict[str, str]:
    unknown = set(fields) - set(CONTEXT_FIELDS)
    if unknown:
        raise ValueError(f"no such fields of a log line: {sorted(unknown)}; there are {CONTEXT_FIELDS}")
    merged = {**before, **fields}
    return {name: value for name, value in merged.items() if value is not None}


def _fields(record: logging.LogRecord) -> dict[str, str]:
    """What is bound here, and what the record brings along, which wins."""
    brought = [(told, getattr(record, name, None)) for name, told in RECORD_FIELDS.items()]
    asked = {name: value for source in _sources for name, value in source().items()}
    return {**_process, **asked, **_context.get(), **{told: str(value) for told, value in brought if value is not None}}


def _environment_secrets() -> set[str]:
    found = (value for name, value in os.environ.items() if SECRET_NAMES.search(name))
    return {part for value in found for part in (value, *value.split()) if len(part) >= SHORTEST_SECRET}
