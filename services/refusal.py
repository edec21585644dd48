"""How a service says why it is not ready, and that it refuses a bundle; and how a rollout knows it when it reads it."""

import json
import re

RETRY_SECONDS = 5.0  # a refused bundle may only have been on its way, so a service tries again so often
NOT_READY = "not ready: "  # begins the line of the log that says why
_FIELDS = re.compile(r" \[[^\[\]]*\]$")  # what a text line tells beside its message


def refusal(bundle_hash: str, why: object) -> str:
    """The reason that a service gives for not being ready when it refuses the wanted bundle.

    Example:
        >>> refusal("0" * 64, "golden answers differ")
        'bundle 000000000000 is refused: golden answers differ'
    """
    return f"bundle {bundle_hash[:12]} is refused: {why}"


def is_refusal(reason: str, bundle_hash: str) -> bool:
    """Whether that reason says that this bundle is refused.

    Example:
        >>> is_refusal(refusal("0" * 64, "altered"), "0" * 64), is_refusal("loading bundle 000000000000", "0" * 64)
        (True, False)
    """
    return refusal(bundle_hash, "") in reason


def reason_in(log: str) -> str:
    """Why the service is not ready, by the last line of its log that says so; empty where none does.

    Args:
        log: Lines of text or JSON, as `EVENKEEL_LOG_FORMAT` has it.

    Example:
        >>> reason_in("WARNING not ready: the SQL store is away [usecase=load]")
        'the SQL store is away'
        >>> reason_in('{"message": "not ready: loading", "usecase": "load"}'), reason_in("INFO started")
        ('loading', '')
    """
    for line in reversed(log.splitlines()):
        _, found, reason = _message(line).partition(NOT_READY)
        if found:
            return _FIELDS.sub("", reason)
    return ""


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, TypeError, KeyError):
        return line
