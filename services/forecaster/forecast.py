"""`POST /forecast` on its way to the typed API: bounds and types are checked before the framework sees the request."""

from pydantic import ValidationError
from pydantic_core import from_json

from services.forecaster.exchange import App, Exchange
from services.forecaster.messages import ForecastRequest
from services.forecaster.predict import given_id
from services.forecaster.problems import UnsupportedMedia, WrongField
from services.forecaster.running import Running

MAX_BODY_BYTES = 1_048_576


async def pass_forecast(app: App, exchange: Exchange, _running: Running, asker: str) -> None:
    """Check a forecast's request and hand it to the typed API.

    Raises:
        EvenkeelError: Whatever is wrong with the request.
    """
    media = (exchange.header(b"content-type") or b"application/json").split(b";")[0].strip().lower()
    if media != b"application/json":
        raise UnsupportedMedia(
            f"the content type is {media[:60].decode('latin-1')!r}", hint="send application/json (curl: --json)"
        )
    body = await exchange.body(MAX_BODY_BYTES)
    try:
        request = check_body(body)
    except WrongField:
        exchange.request_id = readable_id(body) or ""
        raise
    exchange.request_id = request.request_id or ""
    in_header = given_id(exchange)  # a wrong one is refused also where the body has an id of its own
    exchange.request_id = exchange.request_id or in_header or ""
    if request.asked_by == "anonymous" and asker != "anonymous":
        request = request.model_copy(update={"asked_by": asker})
    if exchange.request_id:
        request = request.model_copy(update={"request_id": exchange.request_id})
    await app(*exchange.pass_on(request.model_dump_json(exclude_none=True).encode()))


def check_body(body: bytes) -> ForecastRequest:
    """The request in a body; an empty one asks for everything.

    Raises:
        WrongField: The first field at fault, and what is wrong with it.
    """
    try:
        return ForecastRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise WrongField(
            f"{field}: {first['msg']}", field=field, hint=f"fields are: {', '.join(ForecastRequest.model_fields)}"
        ) from error


def readable_id(body: bytes) -> str | None:
    """The caller's id, as far as the request can be read."""
    try:
        given = from_json(body)
    except ValueError:
        return None
    found = given.get("request_id") if isinstance(given, dict) else None
    return found if isinstance(found, str) and found.isascii() and found.isprintable() and 0 < len(found) <= 200 else None
