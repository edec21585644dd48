"""`POST /forecast` on its way to the typed API: bounds and types are checked before the framework sees the request."""

from pydantic import ValidationError
from pydantic_core import from_json

from model_code import logs
from services.forecaster.exchange import App, Exchange
from services.forecaster.handler import check_rows
from services.forecaster.identity import new_id
from services.forecaster.messages import ForecastRequest
from services.forecaster.problems import UnsupportedMedia, WrongField
from services.forecaster.running import Running


async def pass_forecast(app: App, exchange: Exchange, running: Running, asker: str) -> None:
    """Check a forecast's request and hand it to the typed API.

    Raises:
        EvenkeelError: Whatever is wrong with the request.
    """
    media = (exchange.header(b"content-type") or b"application/json").split(b";")[0].strip().lower()
    if media != b"application/json":
        raise UnsupportedMedia(
            f"the content type is {media[:60].decode('latin-1')!r}", hint="send application/json (curl: --json)"
        )
    body = await exchange.body(running.limits.body_bytes, running.limits.body_seconds)
    try:
        request = check_body(body)
    except WrongField:
        exchange.request_id = readable_id(body) or ""
        raise
    exchange.request_id = request.request_id or ""
    in_header = exchange.given_id()  # a wrong one is refused also where the body has an id of its own
    given = exchange.request_id or in_header
    exchange.request_id = given or new_id()
    if request.features is not None:
        check_rows(len(request.features), running.limits.rows, "features")
    if request.asked_by == "anonymous" and asker != "anonymous":
        request = request.model_copy(update={"asked_by": asker})
    if given:  # an id of ours is not looked up: nobody has asked with it before
        request = request.model_copy(update={"request_id": given})
    with logs.bound(request_id=exchange.request_id):
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
