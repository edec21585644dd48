"""Errors as problem documents (RFC 9457): what is wrong, in which field, and what to do."""

from starlette.responses import Response

from model_code.errors import EvenkeelError, InvalidRequest
from services.forecaster.messages import Problem


class WrongField(InvalidRequest):
    """A field of the request is wrong.

    Args:
        field: Its name.
    """

    def __init__(self, message: str, *, field: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class BodyTooLarge(WrongField):
    """The request is larger than any question can be."""

    status = 413
    title = "Request too large"


class NotJson(InvalidRequest):
    """The request is declared as something else than JSON."""

    status = 415
    title = "Unsupported media type"


def problem_response(error: EvenkeelError, request_id: str | None) -> Response:
    """The error as an HTTP answer with its own status."""
    problem = Problem(
        title=error.title,
        status=error.status,
        detail=str(error),
        request_id=request_id,
        field=error.field if isinstance(error, WrongField) else None,
    )
    return Response(problem.model_dump_json(exclude_none=True), error.status, media_type="application/problem+json")
