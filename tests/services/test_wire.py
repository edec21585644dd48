"""The server's short way for hot requests, on a real socket: pipelines, bodies in pieces, waits, endings."""

import asyncio
import gc
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from services.forecaster.exchange import JSON, Exchange
from services.forecaster.wire import HEAD_BYTES, ShortHttp
from tests.services.conftest import Served, make_known

ROW = {"rows": [[50.0, 50.0]], "lead": [0]}


def asked(body: object, *headers: str, path: str = "/predict", method: str = "POST") -> bytes:
    content = json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: here",
        "content-type: application/json",
        f"content-length: {len(content)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Line:
    """One connection to the service."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = b""

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], dict[str, object]]:
        """Status, headers and JSON of the next answer."""
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, _, rest = self._left.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers["content-length"])
        self._left = rest
        while len(self._left) < length:
            self._more()
        content, self._left = self._left[:length], self._left[length:]
        return int(first.split()[1]), headers, json.loads(content)

    def interim(self) -> bytes:
        """The first line of an answer before the answer."""
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        return head

    def ended(self) -> bool:
        """Whether the service closed it, with nothing more to read."""
        return self._left == b"" and self._connection.recv(1) == b""

    def _more(self) -> None:
        data = self._connection.recv(65536)
        assert data, f"the connection ended after {self._left!r}"
        self._left += data


@pytest.fixture
def line(served: Served) -> Iterator[Line]:
    port = int(served.target.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Line(connection)


def rows(number: int) -> dict[str, object]:
    return {"rows": [[50.0, 50.0]] * number, "lead": [0] * number}


def test_answer__has_each_header_once_and_leaves_the_connection_open(line: Line) -> None:
    for number in range(2):
        line.send(asked(ROW, f"x-request-id: open-{number}"))

        status, headers, told = line.answer()

        assert status == 200
        assert sorted(headers) == ["content-length", "content-type", "x-request-id"]
        assert headers["x-request-id"] == told["request_id"] == f"open-{number}"


@pytest.mark.parametrize("sizes", [(1, 1, 1), (100, 1, 100), (1, 100, 1)])
def test_pipeline__is_answered_in_order(line: Line, sizes: tuple[int, ...]) -> None:
    line.send(b"".join(asked(rows(size), f"x-request-id: line-{place}") for place, size in enumerate(sizes)))

    for place, size in enumerate(sizes):
        status, headers, told = line.answer()
        assert (status, headers["x-request-id"]) == (200, f"line-{place}")
        assert len(told["value"]) == size  # type: ignore[arg-type]


def test_requests__that_arrive_at_once_are_each_answered_as_alone_and_kept(served: Served) -> None:
    served.point_at(make_known(served.place, "3", "xgboost"))
    port = int(served.target.url.rpartition(":")[2])
    with ExitStack() as stack:
        lines = [Line(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))) for _ in range(24)]
        asked_for = [{"rows": [[50.0 + 0.25 * place, 50.0]], "lead": [place % 4]} for place in range(len(lines))]
        asked_for[7] = {"rows": [[50.0, 50.0]], "lead": [99]}

        for round in range(3):
            for place, line in enumerate(lines):
                line.send(asked(asked_for[place], f"x-request-id: burst-{round}-{place}"))
            told = [line.answer() for line in lines]

        alone = []
        for place, line in enumerate(lines):
            line.send(asked(asked_for[place]))
            alone.append(line.answer())

    assert [status for status, _, _ in told] == [422 if place == 7 else 200 for place in range(len(lines))]
    for place, ((_, headers, together), (_, _, single)) in enumerate(zip(told, alone, strict=True)):
        assert headers["x-request-id"] == f"burst-2-{place}"
        assert [together.get(name) for name in ("value", "lower", "upper")] == [
            single.get(name) for name in ("value", "lower", "upper")
        ]
    assert len({str(together["value"]) for place, (_, _, together) in enumerate(told) if place != 7}) > 5
    for place in (0, 6, 8, 23):
        (kept,) = served.stored(f"burst-2-{place}", 1)
        assert [kept.value] == told[place][2]["value"]


@pytest.mark.parametrize("cut", [10, 60, 200, -5])
def test_request__in_two_pieces_is_answered(line: Line, cut: int) -> None:
    data = asked(ROW, "x-filler: " + "y" * 100)

    line.send(data[:cut])
    line.send(data[cut:])

    assert line.answer()[0] == 200


def test_request__that_waits_for_leave_gets_it(line: Line) -> None:
    head, _, body = asked(ROW, "expect: 100-continue").partition(b"\r\n\r\n")

    line.send(head + b"\r\n\r\n")

    assert line.interim() == b"HTTP/1.1 100 Continue"
    line.send(body)
    assert line.answer()[0] == 200


def test_answer__ends_the_connection_where_the_caller_wants_that(line: Line) -> None:
    line.send(asked(ROW, "connection: close"))

    status, headers, _ = line.answer()

    assert (status, headers["connection"]) == (200, "close")
    assert line.ended()


def test_refusal__comes_whole_and_leaves_the_connection_open(line: Line) -> None:
    line.send(asked(ROW | {"rows": []}))
    status, headers, told = line.answer()
    assert (status, headers["content-type"], told["field"]) == (422, "application/problem+json", "rows")

    line.send(asked(ROW))

    assert line.answer()[0] == 200


def test_request_id__with_a_line_end_is_refused(line: Line) -> None:
    line.send(asked(ROW | {"request_id": "one\n"}))

    status, _, told = line.answer()

    assert (status, told["field"]) == (422, "request_id")


@pytest.mark.parametrize("before", [b"", asked(ROW)], ids=["first", "after a request"])
@pytest.mark.parametrize("piece", [b"x: " + b"y" * 997 + b"\r\n", b"y" * 1_000], ids=["many headers", "one header"])
def test_head__that_does_not_end_is_refused(line: Line, before: bytes, piece: bytes) -> None:
    if before:
        line.send(before)
        assert line.answer()[0] == 200
    line.send(b"POST /predict HTTP/1.1\r\nhost: here\r\nz: ")
    sent = 0
    try:
        while sent < 10 * HEAD_BYTES:
            line.send(piece)
            sent += len(piece)
            time.sleep(0.001)  # each piece is read by itself
    except OSError:  # the service closed the connection
        pass

    assert sent < 3 * HEAD_BYTES


def test_head__that_is_too_large_is_told_so(line: Line) -> None:
    line.send(b"POST /predict HTTP/1.1\r\nz: ")
    for _ in range(HEAD_BYTES // 4_096 + 1):
        line.send(b"y" * 4_096)
        time.sleep(0.001)

    status, headers, told = line.answer()

    assert (status, headers["content-type"], headers["connection"]) == (431, "application/problem+json", "close")
    assert "more than 65536 bytes" in str(told["detail"])


def test_head__large_bodies_and_many_requests_are_none(line: Line) -> None:
    for _ in range(2):
        line.send(asked(rows(2_000), "x-filler: " + "y" * 30_000))
        assert line.answer()[0] == 200
    for _ in range(100):
        line.send(asked(ROW, "x-filler: " + "y" * 2_000, path="/nothing"))
        assert line.answer()[0] == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /predict HTTP/1.1\r\nhost: he",
        asked(ROW),
        asked(ROW) + b"POST /predict HTTP/1.1\r\nhost: he",
        asked(ROW) * 3 + b"POST /pre",
    ],
    ids=["nothing", "half a head", "a request", "a request and half a head", "requests and half a line"],
)
def test_connection__without_a_whole_head_is_closed_as_an_idle_one_is(sent: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.1)
        await Exchange(scope, receive, send).answer(200, [JSON], b"{}")

    async def ask() -> tuple[bytes, float]:
        loop = asyncio.get_running_loop()
        config = Config(app, http=ShortHttp, lifespan="off", timeout_keep_alive=1)
        config.load()
        server = await loop.create_server(lambda: ShortHttp(config, ServerState(), {}, loop), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        began = loop.time()
        writer.write(sent)
        for _ in range(6):  # a byte now and then does not prolong it
            await asyncio.sleep(0.1)
            if sent and not sent.endswith(b"}"):
                writer.write(b"a")
        told = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        server.close()
        return told, loop.time() - began

    told, seconds = asyncio.run(ask())

    assert told.count(b"HTTP/1.1 200") == told.count(b"HTTP/1.1") == sent.count(b'"rows"')
    assert 0.9 <= seconds < 5


class Sink(asyncio.Transport):
    """A transport that counts what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def write(self, data: Any) -> None:
        self.answers += data.startswith(b"HTTP/1.1 200")

    def is_closing(self) -> bool:
        return False


def test_request__is_driven_by_the_server_where_it_is_hot_and_whole() -> None:
    driven: list[tuple[str, bool]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        exchange = Exchange(scope, receive, send)
        driven.append((scope["path"], exchange.driven))
        await exchange.body(10_000, 5.0)
        await exchange.answer(200, [JSON], b"{}")

    async def ask() -> int:
        config = Config(app, http=ShortHttp, lifespan="off")
        config.load()
        protocol, sink = ShortHttp(config, ServerState(), {}, asyncio.get_running_loop()), Sink()
        protocol.connection_made(sink)
        for path in ("/predict", "/v2/models/tiny/infer", "/forecast"):
            protocol.data_received(asked(ROW, path=path))
            await asyncio.sleep(0.01)
        protocol.data_received(asked(ROW)[:-5])
        await asyncio.sleep(0.01)
        protocol.data_received(asked(ROW)[-5:])
        await asyncio.sleep(0.01)
        return sink.answers

    assert asyncio.run(ask()) == 4
    assert driven == [("/predict", True), ("/v2/models/tiny/infer", True), ("/forecast", False), ("/predict", False)]


def test_answer__leaves_nothing_to_the_garbage_collector() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Exchange(scope, receive, send).answer(200, [JSON], b"{}")

    async def ask(number: int) -> tuple[int, int]:
        config = Config(app, http=ShortHttp, lifespan="off")
        config.load()
        protocol, sink = ShortHttp(config, ServerState(), {}, asyncio.get_running_loop()), Sink()
        protocol.connection_made(sink)
        protocol.data_received(asked(ROW))
        gc.collect()
        for _ in range(number):
            protocol.data_received(asked(ROW))
        await asyncio.sleep(0)
        return sink.answers, gc.collect()

    gc.disable()
    try:
        answers, garbage = asyncio.run(ask(100))
    finally:
        gc.enable()

    assert answers == 101
    assert garbage < 50  # one object in a cycle for each answer would be 100
