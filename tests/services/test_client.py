"""The client against a server that loses connections, and against none."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from model_code.errors import InvalidRequest, NotReady
from services.client import ForecastClient
from tests.conftest import free_port

PROBLEM = {"type": "about:blank", "title": "Invalid request", "status": 422, "detail": "no", "field": "entity"}


class LosingServer:
    """Reads requests and hangs up on the first ones; then answers each with a problem document."""

    def __init__(self, losses: int) -> None:
        self.bodies: list[dict[str, object]] = []
        self._losses = losses
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
                self.bodies.append(json.loads(self._read(connection)))
                if len(self.bodies) > self._losses:
                    body = json.dumps(PROBLEM).encode()
                    head = f"HTTP/1.1 422 No\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                    connection.sendall(head.encode() + body)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, body = received.split(b"\r\n\r\n", 1)
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        while len(body) < length:
            body += connection.recv(65536)
        return body

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def losing() -> Iterator[LosingServer]:
    server = LosingServer(losses=2)
    yield server
    server.close()


def test_client__lost_connection_asks_again_with_the_same_request_id(losing: LosingServer) -> None:
    with ForecastClient(losing.url) as client, pytest.raises(InvalidRequest, match=r"422 Invalid request \[entity\]: no"):
        client.forecast(entity="north")

    assert len(losing.bodies) == 3
    assert len({str(body["request_id"]) for body in losing.bodies}) == 1
    assert losing.bodies[0]["request_id"]


def test_client__problem_is_not_asked_again() -> None:
    server = LosingServer(losses=0)
    with ForecastClient(server.url) as client, pytest.raises(InvalidRequest):
        client.forecast()
    server.close()

    assert len(server.bodies) == 1


def test_client__nobody_there_is_told_with_the_address() -> None:
    port = free_port()
    with ForecastClient(f"http://127.0.0.1:{port}", attempts=2) as client:
        assert not client.ready()
        with pytest.raises(NotReady, match=rf"no answer from http://127.0.0.1:{port} in 2 attempts"):
            client.forecast()
