"""Whatever goes wrong is a problem document with the request's id, and the log tells that id; nobody holds a place for ever."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from model_code.installation import Installation
from services.forecaster.identity import REQUEST_ID
from tests.conftest import free_port
from tests.services import tiny
from tests.services.conftest import installation, make_known
from tests.services.lost_table import lost_table
from tests.services.processes import QUESTION, Process
from tests.services.test_wire import Line, asked

BROKEN, SLOW = (tiny.FIRST + timedelta(days=day) for day in (2, 3))
TRAPS = f'''
import time

def build(known, origin, rows, spec, whole=build):
    if origin == pd.Timestamp("{BROKEN.isoformat()}"):
        raise ZeroDivisionError("the features of this origin")
    if origin == pd.Timestamp("{SLOW.isoformat()}"):
        time.sleep(4)
    return whole(known, origin, rows, spec)
'''
INFER = f"/v2/models/{tiny.NAME}/infer"
ROUTES = ("/predict", "/forecast", INFER, "/batch")
PLACES = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose features fail at one origin, and take long at another."""
    folder = tmp_path_factory.mktemp("refusing")
    found = installation(folder)
    source = folder / "usecases" / tiny.NAME / "features.py"
    source.write_text(source.read_text() + TRAPS)
    found = Installation.open(tiny.NAME, found.settings)
    found.pointers.move(tiny.NAME, make_known(found, "1", "ridge"), None)
    return found


@pytest.fixture(scope="module")
def strict(place: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A service with narrow bounds that writes its log as JSON."""
    bounds = {"max_concurrent": PLACES, "max_rows": 2, "max_body_bytes": 4096, "body_seconds": 1.0, "log_format": "json"}
    settings = place.settings.model_copy(update={"service_port": free_port(), **bounds})
    log = tmp_path_factory.mktemp("log") / "service.log"
    service = Process(settings, log, BENTOML_CONFIG_OPTIONS="services.forecaster.traffic.timeout=2")
    service.wait_ready()
    yield service
    service.end()


def lines_of(service: Process, request_id: str) -> list[dict[str, str]]:
    """What the log tells about a request."""
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    return [line for line in lines if line.get("request_id") == request_id]


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal, which has its request's id."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["request_id"] == answer.headers["x-request-id"]
    assert REQUEST_ID.fullmatch(told["request_id"].encode())
    return told


JSON = {"content-type": "application/json"}
WRONG: list[tuple[int, str, str, dict[str, str], bytes]] = [
    (404, "POST", "/nothing", JSON, b"{}"),
    (405, "GET", "/predict", {}, b""),
    (405, "POST", "/livez", {}, b""),
    (415, "POST", "/predict", {"content-type": "text/csv"}, b"a"),
    (415, "POST", "/forecast", {"content-type": "text/csv"}, b"a"),
    (415, "POST", "/batch", JSON, b"{}"),
    (406, "POST", "/batch", {"content-type": "text/csv", "accept": "image/png"}, b"a"),
    *[(422, "POST", path, JSON, b"{") for path in ROUTES[:3]],
    (422, "POST", "/batch", {"content-type": "text/csv"}, b"a"),
    *[(413, "POST", path, JSON, b" " * 4097) for path in ROUTES[:3]],
    (413, "POST", "/predict", JSON, b'{"rows": [[5, 5], [5, 5], [5, 5]], "lead": [0, 0, 0]}'),
]


@pytest.mark.parametrize(("status", "method", "path", "headers", "body"), WRONG)
@pytest.mark.parametrize("given", ["", "the-callers"])
def test_refusal__has_the_request_s_id(
    strict: Process, status: int, method: str, path: str, headers: dict[str, str], body: bytes, given: str
) -> None:
    own = {"x-request-id": given} if given else {}

    told = problem_of(httpx.request(method, strict.url + path, headers=headers | own, content=body), status)

    assert not given or told["request_id"] == given


def test_answer__of_every_page_has_an_id(strict: Process) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/model", "/docs", "/docs.json", "/", "/v2"):
        answer = httpx.get(strict.url + path, headers={"x-request-id": "read"})
        assert (answer.status_code < 400, answer.headers["x-request-id"]) == (True, "read"), path


def test_id__that_is_none_is_refused_under_one_of_ours(strict: Process) -> None:
    told = problem_of(httpx.post(f"{strict.url}/predict", json=QUESTION, headers={"x-request-id": "a b"}), 422)

    assert told["field"] == "x-request-id"
    assert told["request_id"] != "a b"


@pytest.mark.parametrize("given", ["", "breaks-{}"])
@pytest.mark.parametrize(("origin", "status"), [(BROKEN, 500), (SLOW, 504)])
def test_forecast__that_fails_tells_its_id_to_the_caller(strict: Process, origin: Any, status: int, given: str) -> None:
    body = {"origin": origin.isoformat()} | ({"request_id": given.format(status)} if given else {})

    told = problem_of(httpx.post(f"{strict.url}/forecast", json=body), status)

    assert not given or told["request_id"] == given.format(status)
    if status == 500:
        failed = [line for line in lines_of(strict, told["request_id"]) if line["level"] == "ERROR"]
        assert [told["request_id"] in line["message"] for line in failed] == [True]
        assert "the features of this origin" in failed[0]["error"]


def test_forecast__whose_id_cannot_be_looked_up_is_logged_with_it(strict: Process, place: Installation) -> None:
    with lost_table(place):
        answer = httpx.post(f"{strict.url}/forecast", json={"entity": "north", "request_id": "asked-in-vain"})

    assert answer.status_code == 200
    assert ["could not be looked up" in line["message"] for line in lines_of(strict, "asked-in-vain")] == [True]


def test_forecast__given_features_have_the_settings_bounds(strict: Process) -> None:
    row = {"entity": "north", "lead": 0, "values": {"yesterday": 50.0, "before": 50.0}}

    told = problem_of(httpx.post(f"{strict.url}/forecast", json={"features": [row | {"lead": lead} for lead in range(3)]}), 413)
    answered = httpx.post(f"{strict.url}/forecast", json={"features": [row | {"lead": lead} for lead in range(2)]})

    assert (told["field"], answered.status_code) == ("features", 200)


def connected(service: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def head(path: str) -> bytes:
    media = "text/csv" if path == "/batch" else "application/json"
    return (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nx-request-id: bare\r\ncontent-type: {media}\r\ncontent-length: 40\r\n\r\n".encode()
    )


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("begun", [b"", b"{"], ids=["no byte", "a byte"])
def test_body__that_never_comes_is_told_so_and_gives_its_place_back(strict: Process, path: str, begun: bytes) -> None:
    most = 2 if path == "/batch" else PLACES
    connections = [connected(strict) for _ in range(most)]
    try:
        for connection in connections:
            connection.sendall(head(path) + begun)
        while path != "/batch" and strict.ask().status_code != 503:  # all places are taken
            time.sleep(0.01)

        for connection in connections:
            line = Line(connection)
            status, headers, told = line.answer()
            assert (status, headers["content-type"], headers["connection"]) == (408, "application/problem+json", "close")
            assert headers["x-request-id"] == told["request_id"] == "bare"
            assert line.ended()
    finally:
        for connection in connections:
            connection.close()
    assert strict.ask().status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_body__that_trickles_in_is_not_waited_for(strict: Process, path: str) -> None:
    with connected(strict) as connection:
        began = time.monotonic()
        connection.sendall(head(path).replace(b"length: 40", b"length: 1000"))
        connection.settimeout(0.1)
        answer = b""
        while not answer:
            connection.sendall(b" ")
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                assert time.monotonic() - began < 10

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began >= 0.95  # a second from when the loop's turn began, by its clock of whole milliseconds


@pytest.mark.parametrize("sent", [b"what?\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"POST /predict HTTP/9.x\r\n\r\n"])
def test_no_http__is_told_by_a_problem_document(strict: Process, sent: bytes) -> None:
    with connected(strict) as connection:
        connection.sendall(sent)
        line = Line(connection)
        status, headers, told = line.answer()

        assert (status, headers["content-type"], told["status"]) == (400, "application/problem+json", 400)
        assert headers["x-request-id"] == told["request_id"]
        assert line.ended()


def test_place__too_few_are_told_with_the_id(strict: Process) -> None:
    held = [connected(strict) for _ in range(PLACES)]
    try:
        whole = asked(QUESTION)
        for connection in held:
            connection.sendall(whole[:-5])

        answers = _until(lambda: httpx.post(f"{strict.url}/predict", json=QUESTION, headers={"x-request-id": "crowded"}), 503)

        assert problem_of(answers, 503)["request_id"] == "crowded"
        for connection in held:
            connection.sendall(whole[-5:])
            assert Line(connection).answer()[0] == 200
    finally:
        for connection in held:
            connection.close()


def _until(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    while (answer := ask()).status_code != status:
        time.sleep(0.01)
    return answer
