"""What the client raises when the service says no: the problem document, as an exception."""

from collections.abc import Callable
from typing import TypeVar

import httpx
import msgspec
from pydantic import ValidationError

from model_code.errors import InvalidRequest, NotReady
from services.forecaster.messages import Problem

T = TypeVar("T")
LATER = (408, 429, 502, 503, 504)  # asking again may help


class Refused(InvalidRequest):
    """The service says that the question is wrong, or who asks it.

    Args:
        problem: What it says.
        retry_after: Seconds after which it wants to be asked again; None where it does not tell.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(told(problem))
        self.problem, self.retry_after = problem, retry_after


class Unavailable(NotReady):
    """The service cannot answer now.

    Args:
        problem: What it says.
        retry_after: Seconds after which it wants to be asked again; None where it does not tell.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(told(problem))
        self.problem, self.retry_after = problem, retry_after


def told(problem: Problem) -> str:
    """The problem in a line.

    Example:
        >>> told(Problem(title="Invalid request", status=422, detail="no such entity", field="entity"))
        '422 Invalid request [entity]: no such entity'
    """
    where = f" [{problem.field}]" if problem.field else ""
    return f"{problem.status} {problem.title}{where}: {problem.detail}"


def check(answer: httpx.Response) -> None:
    """Raise what an answer that was read whole says against the question.

    Raises:
        Refused: The question is wrong.
        Unavailable: The service cannot answer now, or what answers is no service of ours.
    """
    if answer.is_success:
        return
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        problem = Problem(title="No problem document", status=answer.status_code, detail=answer.text[:300])
    kind = Refused if answer.is_client_error else Unavailable
    raise kind(problem, _seconds(answer.headers.get("retry-after")))


def understood(answer: httpx.Response, read: Callable[[bytes], T]) -> T:
    """What an answer says.

    Raises:
        Unavailable: It is none of our service's: a page of something else that listens there, or of a proxy before it.
    """
    try:
        return read(answer.content)
    except (ValueError, msgspec.MsgspecError) as error:  # pydantic's is a ValueError
        raise no_service(answer, answer.text[:300]) from error


def no_service(answer: httpx.Response, detail: str) -> Unavailable:
    """What answers with success, but is no service of ours."""
    return Unavailable(Problem(title="No answer of this service", status=answer.status_code, detail=detail))


def _seconds(told: str | None) -> float | None:
    """Seconds of a `Retry-After`; one that names a date is left to the growing pauses."""
    return float(told) if told is not None and told.isascii() and told.isdigit() and len(told) < 7 else None
