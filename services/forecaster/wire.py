"""The server's HTTP protocol with one system call an answer: the head waits for the body's first bytes."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Corked:
    """A transport that holds the head of an answer until its body is written, or the loop's next turn at the latest.

    A write costs a system call, which is a tenth of a short request; the server writes head and body apart.

    Args:
        transport: The connection's.
        loop: The event loop.
    """

    __slots__ = ("_held", "_loop", "_transport", "_write")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._write = transport.write
        self._loop = loop
        self._held = b""

    def write(self, content: bytes) -> None:
        """Hold a head; write anything else together with what is held."""
        if self._held:
            content, self._held = self._held + content, b""
        elif content.startswith(b"HTTP/1.1 ") and content.endswith(b"\r\n\r\n"):
            self._held = content
            self._loop.call_soon(self.flush)
            return
        self._write(content)

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            content, self._held = self._held, b""
            if not self._transport.is_closing():
                self._write(content)

    def close(self) -> None:
        """Write what is held, then close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CorkedHttp(HttpToolsProtocol):
    """The server's protocol on a corked transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there."""
        super().connection_made(cast(asyncio.Transport, Corked(transport, self.loop)))
