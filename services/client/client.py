"""The client: one method for each way in."""

import math
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from model_code.errors import ConfigurationError, InvalidRequest
from services.client.errors import check, no_service, understood
from services.client.files import BatchAnswer, kind_of, whole_file
from services.client.patience import Patience
from services.forecaster.messages import ForecastAnswer, ForecastRequest, GivenFeatures, ModelAnswer
from services.forecaster.questions import PredictAnswer, PredictRequest

KEY = "EVENKEEL_SERVICE_KEY"
Row = Sequence[float | None] | Mapping[str, float | None]


class ForecastClient:
    """One service, over one pool of connections; a context manager. Not asked twice for one request: ids are reused.

    Args:
        base_url: Such as `http://127.0.0.1:3000`.
        key: Bearer key. Default: the variable EVENKEEL_SERVICE_KEY; empty for none.
        timeout: Seconds without a byte after which an attempt is given up.
        attempts: How often to ask when there is no connection, or the service says that it cannot answer now.
        patience: Seconds that the pauses between may take, all together; `Retry-After` is kept.

    Raises:
        ConfigurationError: The key cannot be one, or the address is none.
    """

    def __init__(
        self, base_url: str, *, key: str | None = None, timeout: float = 30.0, attempts: int = 5, patience: float = 10.0
    ) -> None:
        key = os.environ.get(KEY, "") if key is None else key
        if key and not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ConfigurationError("the service's key has characters that no key has", hint=f"look at {KEY}")
        if not base_url.lower().startswith(("http://", "https://")):
            raise ConfigurationError(f"{base_url!r} is no address of a service", hint="such as http://127.0.0.1:3000")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, trust_env=False)
        self._timeout = timeout
        self._patience = Patience(attempts, patience)

    def forecast(
        self,
        *,
        entity: str | None = None,
        origin: datetime | None = None,
        horizon: int | None = None,
        features: Sequence[GivenFeatures] | None = None,
        request_id: str | None = None,
        asked_by: str = "anonymous",
    ) -> ForecastAnswer:
        """A forecast; see `ForecastRequest` for what is asked by default.

        Args:
            origin: When the forecast is made (aware).
            horizon: Steps.
            features: Answer for these instead of those from the store.
            request_id: Default: a new one, so that asking again never makes a second forecast.

        Raises:
            Refused: The service says that the question is wrong.
            NotReady: The service cannot answer now, or nothing answers at the address.
        """
        request = ForecastRequest(
            entity=entity,
            origin=origin,
            horizon=horizon,
            features=None if features is None else tuple(features),
            request_id=request_id or uuid.uuid4().hex,
            asked_by=asked_by,
        )
        answer = self._ask("POST", "/forecast", json=request.model_dump(mode="json"))
        return understood(answer, ForecastAnswer.model_validate_json)

    def predict(
        self,
        rows: Sequence[Row],
        *,
        lead: Sequence[int] | None = None,
        entity: Sequence[str] | None = None,
        origin: datetime | None = None,
        request_id: str | None = None,
        asked_by: str | None = None,
    ) -> PredictAnswer:
        """Values of rows of features.

        Args:
            rows: Each a sequence in the order of the model's columns (`model().columns`), or numbers by name;
                None and NaN are not known.
            lead: Lead time of each row in steps, the first is 0; needed where the horizon has more than one step.
            entity: What each row is about.
            origin: When the forecast is made (aware).
            request_id: Default: a new one.

        Raises:
            InvalidRequest: A value is infinite, or a lead time no whole number.
            Refused: The service says that the question is wrong.
            NotReady: The service cannot answer now, or nothing answers at the address.
        """
        request = PredictRequest(
            rows=[_plain(row) for row in rows],
            lead=None if lead is None else [_step(step) for step in lead],
            entity=None if entity is None else list(entity),
            origin=None if origin is None else origin.isoformat(),
            request_id=request_id or uuid.uuid4().hex,
            asked_by=asked_by,
        )
        headers = {"content-type": "application/json"}
        answer = self._ask("POST", "/predict", content=msgspec.json.encode(request), headers=headers)
        return understood(answer, msgspec.json.Decoder(PredictAnswer).decode)

    def batch(self, rows: Path, answers: Path, *, request_id: str | None = None, timeout: float = 600.0) -> BatchAnswer:
        """Answer a file of rows with a file of values, however large; see docs/batch.md.

        Args:
            rows: .parquet, .arrow, .feather, .arrows (a stream) or .csv.
            answers: Where the answer goes; it may be of another kind. There is none until all of it has come.
            request_id: Default: a new one.
            timeout: Seconds that the service may take for all rows.

        Raises:
            Refused: The service says what is wrong with the file.
            NotReady: The service cannot answer now, or nothing answers at the address.
            ConfigurationError: A file's name tells no kind that the service knows.
        """
        headers = {
            "content-type": kind_of(rows),
            "accept": kind_of(answers),
            "x-request-id": request_id or uuid.uuid4().hex,
        }
        patient = httpx.Timeout(self._timeout, read=timeout)

        def once() -> BatchAnswer:
            with (
                rows.open("rb") as file,
                self._http.stream("POST", "/batch", content=file, headers=headers, timeout=patient) as answer,
            ):
                if not answer.is_success:
                    answer.read()
                    check(answer)
                with whole_file(answers) as target:
                    for part in answer.iter_bytes():
                        target.write(part)
                    told = [answer.headers.get(name) for name in ("x-request-id", "x-model-version", "x-bundle")]
                    if None in told:  # before anything takes the place of what is there
                        raise no_service(answer, "the headers of a batch are missing")
            return BatchAnswer(answers, *told)

        return self._patience.ask(once, str(self._http.base_url))

    def model(self) -> ModelAnswer:
        """What serves.

        Raises:
            Refused: The key is missing or unknown.
            NotReady: Nothing does, or nothing answers at the address.
        """
        return understood(self._ask("GET", "/model"), ModelAnswer.model_validate_json)

    def ready(self) -> bool:
        """Whether the service serves the wanted bundle; False as well when nothing answers. Asks once."""
        try:
            answer = self._http.get("/readyz")
            return answer.is_success and "x-request-id" in answer.headers  # something else may answer everything
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

    def __repr__(self) -> str:
        """The address, not the key."""
        return f"ForecastClient({str(self._http.base_url)!r})"

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        def once() -> httpx.Response:
            answer = self._http.request(method, path, **content)
            check(answer)
            return answer

        return self._patience.ask(once, str(self._http.base_url))


def _plain(row: Row) -> list[float | None] | dict[str, float | None]:
    if isinstance(row, Mapping):
        return {name: _number(value) for name, value in row.items()}
    return [_number(value) for value in row]


def _number(value: float | None) -> float | None:
    """A plain float, of numpy's too; JSON has no infinity, and null would mean something else."""
    if value is None:
        return None
    number = float(value)
    if math.isinf(number):
        raise InvalidRequest("a feature is infinite", hint="a value that is not known is None or NaN")
    return None if math.isnan(number) else number


def _step(lead: int) -> int:
    """A plain whole number, of numpy's too; a fraction would be asked for as another step."""
    if not float(lead).is_integer():
        raise InvalidRequest(f"lead {lead} is no whole number", hint="steps are counted, the first is 0", field="lead")
    return int(lead)
