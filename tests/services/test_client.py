"""The client against a server that loses connections or asks for patience, against none, and against the real service."""

import json
import math
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from model_code.errors import ConfigurationError, InvalidRequest, NotReady
from services.client import ForecastClient, Refused, Unavailable
from services.client.files import KINDS
from services.forecaster.batch import FileKind
from services.forecaster.messages import GivenFeatures
from tests.conftest import free_port
from tests.services.conftest import Served

PROBLEM = {"type": "about:blank", "title": "Invalid request", "status": 422, "detail": "no", "field": "entity"}
LOST = None
NO = (422, {}, json.dumps(PROBLEM).encode())


def later(seconds: int | str = 0, status: int = 503) -> tuple[int, dict[str, str], bytes]:
    problem = {"title": "Overloaded", "status": status, "detail": "later"}
    return status, {"retry-after": str(seconds)}, json.dumps(problem).encode()


Told = tuple[int, dict[str, str], bytes] | None


class ScriptedServer:
    """Reads requests and answers them as it was told to, the last answer for ever; LOST hangs up."""

    def __init__(self, *told: Told) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[str] = []
        self._told = list(told)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._read(connection)
                told = self._told[min(len(self.bodies), len(self._told)) - 1]
                if told is not None:
                    status, headers, body = told
                    given = {"content-length": str(len(body)), "connection": "close"} | headers
                    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
                    connection.sendall(f"HTTP/1.1 {status} Told\r\n{lines}\r\n".encode() + body)

    def _read(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, body = received.split(b"\r\n\r\n", 1)
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            body += connection.recv(65536)
        self.heads.append(head.decode().lower())
        self.bodies.append(body)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def scripted() -> Iterator[list[ScriptedServer]]:
    """Servers put here are closed."""
    servers: list[ScriptedServer] = []
    yield servers
    for server in servers:
        server.close()


def serve(servers: list[ScriptedServer], *told: Told) -> ScriptedServer:
    servers.append(ScriptedServer(*told))
    return servers[-1]


def test_client__lost_connection_asks_again_with_the_same_request_id(scripted: list[ScriptedServer]) -> None:
    server = serve(scripted, LOST, LOST, NO)
    with ForecastClient(server.url) as client, pytest.raises(InvalidRequest, match=r"422 Invalid request \[entity\]: no"):
        client.forecast(entity="north")

    ids = [json.loads(body)["request_id"] for body in server.bodies]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ids[0]


def test_client__problem_is_not_asked_again_and_is_told_whole(scripted: list[ScriptedServer]) -> None:
    server = serve(scripted, NO)
    with ForecastClient(server.url) as client, pytest.raises(Refused) as caught:
        client.predict([[1.0]])

    assert len(server.bodies) == 1
    assert (caught.value.problem.status, caught.value.problem.field) == (422, "entity")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_client__asks_again_when_it_is_told_to_come_later(scripted: list[ScriptedServer], status: int) -> None:
    server = serve(scripted, later(0, status), later("tomorrow", status), NO)
    with ForecastClient(server.url) as client, pytest.raises(Refused):
        client.predict([[1.0]])

    assert len(server.bodies) == 3
    assert len({json.loads(body)["request_id"] for body in server.bodies}) == 1


def test_client__gives_up_when_attempts_or_patience_are_at_their_end(scripted: list[ScriptedServer]) -> None:
    soon, late = serve(scripted, later(0)), serve(scripted, later(3600))
    with ForecastClient(soon.url, attempts=3) as client, pytest.raises(Unavailable, match="503 Overloaded: later"):
        client.model()
    with ForecastClient(late.url) as client, pytest.raises(Unavailable) as caught:
        client.model()

    assert (len(soon.bodies), len(late.bodies)) == (3, 1)
    assert caught.value.retry_after == 3600


def test_client__nobody_there_is_told_with_the_address() -> None:
    port = free_port()
    with ForecastClient(f"http://127.0.0.1:{port}", attempts=2) as client:
        assert not client.ready()
        with pytest.raises(NotReady, match=rf"no answer from http://127.0.0.1:{port} in 2 attempts"):
            client.forecast()


def test_client__address_without_a_scheme_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"'127\.0\.0\.1:3000' is no address of a service"):
        ForecastClient("127.0.0.1:3000")


def test_client__something_else_that_answers_is_told(scripted: list[ScriptedServer]) -> None:
    server = serve(scripted, (500, {}, b"<html>proxy</html>"))
    with ForecastClient(server.url) as client, pytest.raises(Unavailable, match="500 No problem document: <html>proxy"):
        client.model()


def test_client__page_of_something_else_is_no_answer_and_takes_no_files_place(
    scripted: list[ScriptedServer], tmp_path: Path
) -> None:
    rows, answers = tmp_path / "rows.csv", tmp_path / "answers.csv"
    rows.write_text("a\n1\n")
    answers.write_text("of before")
    server = serve(scripted, (200, {"content-type": "text/html"}, b"<html>sign in</html>"))

    with ForecastClient(server.url) as client:
        for ask in (client.model, client.forecast, lambda: client.predict([[1.0]]), lambda: client.batch(rows, answers)):
            with pytest.raises(Unavailable, match="200 No answer of this service"):
                ask()
        assert not client.ready()

    assert answers.read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "rows.csv"]
    assert len(server.bodies) == 5


def test_client__shows_its_key_to_the_service_only(scripted: list[ScriptedServer], monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(scripted, NO)
    monkeypatch.setenv("EVENKEEL_SERVICE_KEY", "from-outside")
    for key, wanted in ((None, "bearer from-outside"), ("given", "bearer given"), ("", None)):
        with ForecastClient(server.url, key=key) as client, pytest.raises(Refused) as caught:
            client.model()
        shown = [line.partition(": ")[2] for line in server.heads[-1].split("\r\n") if line.startswith("authorization")]
        assert shown == ([wanted] if wanted else [])
        assert (key or "from-outside") not in repr(client) + repr(caught.value) + repr(client._http.headers)

    with pytest.raises(ConfigurationError) as wrong:
        ForecastClient(server.url, key="two\nlines")
    assert "two" not in str(wrong.value)


def test_client__batch_leaves_nothing_behind_when_it_breaks_off(scripted: list[ScriptedServer], tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.csv", tmp_path / "answers.csv"
    rows.write_text("a\n1\n")
    cut = (200, {"content-length": "1000", "x-request-id": "x"}, b"value\n")
    server = serve(scripted, cut)

    with ForecastClient(server.url, attempts=2) as client, pytest.raises(NotReady, match="in 2 attempts"):
        client.batch(rows, answers)

    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert server.bodies == [b"a\n1\n"] * 2
    assert len({line for head in server.heads for line in head.split("\r\n") if line.startswith("x-request-id")}) == 1


def test_client__batch_takes_only_files_of_known_kinds(tmp_path: Path) -> None:
    with ForecastClient("http://127.0.0.1:1") as client, pytest.raises(ConfigurationError, match=r"rows\.xlsx is of no kind"):
        client.batch(tmp_path / "rows.xlsx", tmp_path / "answers.csv")
    assert set(KINDS.values()) == set(FileKind)


def test_client__every_way_in_gives_the_same_answers(served: Served, client: ForecastClient, tmp_path: Path) -> None:
    columns = client.model().columns
    values, lead = np.array([[55.5, 51.25], [np.nan, 60.0], [48.0, 47.0]]), [0, 1, 3]
    listed = [[None if math.isnan(value) else value for value in row] for row in values.tolist()]
    parquet.write_table(pa.table({"lead": lead, **dict(zip(columns, values.T, strict=True))}), tmp_path / "rows.parquet")

    given = [
        GivenFeatures(entity="north", lead=step, values=dict(zip(columns, row, strict=True)))
        for step, row in zip(lead, listed, strict=True)
    ]
    forecast = client.forecast(entity="north", features=given)
    by_order, by_name = client.predict(listed, lead=lead), client.predict([each.values for each in given], lead=lead)
    from_numpy = client.predict(values, lead=np.array(lead))  # type: ignore[arg-type]
    batch = client.batch(tmp_path / "rows.parquet", tmp_path / "answers.arrow", request_id="as-a-file")

    wanted = served.place.bundle(served.ridge).predict_rows(values, np.array(lead))
    found = pa.ipc.open_file(batch.path).read_all()
    for name in ("value", "lower", "upper"):
        expected = getattr(wanted, name).tolist()
        assert [getattr(each, name) for each in forecast.values] == expected
        assert getattr(by_order, name) == getattr(by_name, name) == getattr(from_numpy, name) == expected
        assert found[name].to_pylist() == expected
    assert (batch.request_id, batch.version, batch.bundle) == ("as-a-file", "1", served.ridge)


def test_client__refuses_infinity_which_json_has_not() -> None:
    with ForecastClient("http://127.0.0.1:1") as client, pytest.raises(InvalidRequest, match="infinite"):
        client.predict([[math.inf]])


@pytest.mark.parametrize("lead", [1.5, math.nan, math.inf])
def test_client__refuses_a_lead_time_between_steps(lead: float) -> None:
    with ForecastClient("http://127.0.0.1:1") as client, pytest.raises(InvalidRequest, match=f"lead {lead} is no whole number"):
        client.predict([[1.0]], lead=[lead])  # type: ignore[list-item]


def test_client__batch_tells_what_is_wrong_with_the_file(client: ForecastClient, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("yesterday,before,lead\n50,50,0\n50,fifty,1\n")

    with pytest.raises(Refused, match=r"422 .* \[before\]: row 1, column before: invalid value 'fifty'"):
        client.batch(rows, tmp_path / "answers.csv")
    assert not (tmp_path / "answers.csv").exists()
