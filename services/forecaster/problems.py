"""Errors as problem documents (RFC 9457): what is wrong, in which field, and what to do."""

import math

from starlette.responses import Response

from model_code.errors import EvenkeelError, InvalidRequest, NotReady
from services.forecaster.messages import Problem


class WrongField(InvalidRequest):
    """A field of the request is wrong.

    Args:
        field: Its name.
    """

    def __init__(self, message: str, *, field: str, hint: str = "") -> None:
        super().__init__(message, hint=hint, field=field)


class BodyTooLarge(WrongField):
    """The request is larger than any question can be."""

    status = 413
    title = "Request too large"


class TooManyRows(WrongField):
    """More rows than one request may have."""

    status = 413
    title = "Request too large"


class UnsupportedMedia(InvalidRequest):
    """The request is declared as something else than what the route reads."""

    status = 415
    title = "Unsupported media type"


class NoHttp(InvalidRequest):
    """What arrived is no HTTP request."""

    status = 400
    title = "Bad request"


class HeadTooLarge(InvalidRequest):
    """The lines before the body are more than any request needs."""

    status = 431
    title = "Request header fields too large"


class SlowRequest(InvalidRequest):
    """The request did not arrive in time."""

    status = 408
    title = "Request timeout"


class NoSuchRoute(InvalidRequest):
    """Nothing answers at this path."""

    status = 404
    title = "Not found"


class WrongMethod(InvalidRequest):
    """The path is right, the method is not.

    Args:
        allowed: Methods of the path.
    """

    status = 405
    title = "Method not allowed"

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message, hint=f"allowed: {allowed}")
        self.allowed = allowed


class Unauthorized(InvalidRequest):
    """No key, or one that is not known."""

    status = 401
    title = "Unauthorized"


class TooManyRequests(InvalidRequest):
    """The key's rate is used up.

    Args:
        retry_after: Seconds until there is room again.
    """

    status = 429
    title = "Too many requests"

    def __init__(self, message: str, *, retry_after: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Overloaded(NotReady):
    """More requests at once than the service takes.

    Args:
        retry_after: Seconds after which to ask again.
    """

    title = "Overloaded"

    def __init__(self, message: str, *, retry_after: float = 1.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class TookTooLong(EvenkeelError):
    """There was no answer within the service's time limit."""

    status = 504
    title = "Took too long"


RETRY_SECONDS = 5  # a service that is not ready, or whose store is down, is asked again no sooner


def problem_of(error: EvenkeelError, request_id: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The problem document, and the headers that go with it."""
    problem = Problem(
        title=error.title,
        status=error.status,
        detail=str(error),
        request_id=request_id,
        field=getattr(error, "field", None),
    )
    headers = []
    if error.status in (429, 503):
        seconds = math.ceil(getattr(error, "retry_after", RETRY_SECONDS))
        headers.append((b"retry-after", str(max(1, seconds)).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, WrongMethod):
        headers.append((b"allow", error.allowed.encode()))
    return problem.model_dump_json(exclude_none=True).encode(), headers


def problem_response(error: EvenkeelError, request_id: str) -> Response:
    """The error as an HTTP answer with its own status."""
    body, headers = problem_of(error, request_id)
    told = {key.decode(): value.decode() for key, value in headers}
    return Response(body, error.status, told, media_type="application/problem+json")
