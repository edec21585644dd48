"""Asking the model service from Python: typed, and a lost connection asks again with the same request id."""

import time
import uuid
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from model_code.errors import EvenkeelError, InvalidRequest, NotReady
from services.forecaster.messages import ForecastAnswer, ForecastRequest, ModelAnswer, Problem

FIRST_PAUSE_SECONDS = 0.1


class ForecastClient:
    """One service, over one pool of connections; a context manager.

    Args:
        base_url: Such as `http://127.0.0.1:3000`.
        timeout: Seconds that one attempt may take.
        attempts: How often to try when there is no connection, with growing pauses.
    """

    def __init__(self, base_url: str, *, timeout: float = 30.0, attempts: int = 5) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=timeout, trust_env=False)
        self._attempts = attempts

    def forecast(
        self,
        *,
        entity: str | None = None,
        origin: datetime | None = None,
        request_id: str | None = None,
        asked_by: str = "anonymous",
    ) -> ForecastAnswer:
        """A forecast; see `ForecastRequest` for what is asked by default.

        Args:
            origin: When the forecast is made (aware).
            request_id: Default: a new one, so that trying again never makes a second forecast.

        Raises:
            InvalidRequest: The service says that the question is wrong.
            NotReady: The service cannot answer now, or nothing answers at the address.
        """
        request_id = request_id or uuid.uuid4().hex
        request = ForecastRequest(entity=entity, origin=origin, request_id=request_id, asked_by=asked_by)
        answer = self._ask("POST", "/forecast", json=request.model_dump(mode="json"))
        return ForecastAnswer.model_validate_json(_checked(answer).content)

    def model(self) -> ModelAnswer:
        """What serves.

        Raises:
            NotReady: Nothing does, or nothing answers at the address.
        """
        return ModelAnswer.model_validate_json(_checked(self._ask("GET", "/model")).content)

    def ready(self) -> bool:
        """Whether the service serves the wanted bundle; False as well when nothing answers. Asks once."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self.close()

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                return self._http.request(method, path, **content)
            except httpx.TransportError as error:
                lost = error
        raise NotReady(
            f"no answer from {self._http.base_url} in {self._attempts} attempts: {lost!r}",
            hint="is the service running? `make status` tells",
        ) from lost


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        problem = Problem(title="No problem document", status=answer.status_code, detail=answer.text[:300])
    kind: type[EvenkeelError] = InvalidRequest if answer.is_client_error else NotReady
    where = f" [{problem.field}]" if problem.field else ""
    raise kind(f"{problem.status} {problem.title}{where}: {problem.detail}")
