"""A request's body as a file: one thread reads it while it arrives, and the sender waits when it is ahead."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator

from services.forecaster.problems import BodyTooLarge

AHEAD_BYTES = 4 << 20  # how far the sender may be ahead of the reader


class Feed:
    """Bytes from an asynchronous sender to a reader in a thread; for `pyarrow.PythonFile`.

    Args:
        most: Bytes that the whole body may have.
    """

    closed = False

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._parts: deque[memoryview] = deque()
        self._held = 0
        self._ended = False
        self._changed = threading.Condition()
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.error: BaseException | None = None

    async def pump(self, body: AsyncIterator[bytes]) -> None:
        """Take the body to its end; what goes wrong here is raised to the reader."""
        try:
            async for part in body:
                self._taken += len(part)
                if self._taken > self._most:
                    raise BodyTooLarge(
                        f"the body has more than {self._most} bytes", field="body", hint="send it in several files"
                    )
                await self._put(part)
        except BaseException as error:
            self.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def fail(self, error: BaseException) -> None:
        """Let the reader fail with this error, also one that waits; the first one counts."""
        with self._changed:
            if self.error is None:
                self.error = error
            self._parts.clear()
            self._held = 0
            self._changed.notify()

    def read(self, size: int = -1) -> bytearray:
        """As many bytes as asked for; fewer only at the end. Waits for them.

        Raises:
            BaseException: What went wrong on the sender's side.
        """
        taken = bytearray()
        while size < 0 or len(taken) < size:
            part = self._next()
            if not part:
                break
            missing = len(part) if size < 0 else size - len(taken)
            if len(part) > missing:
                self.unread(part[missing:])
            taken += part[:missing]
        return taken

    def readline(self, most: int) -> bytes:
        """Up to the end of the line, which is part of it; no more than `most` bytes."""
        taken = bytearray()
        while len(taken) < most:
            part = self._next()
            end = bytes(part[: most - len(taken)]).find(b"\n") + 1 or min(len(part), most - len(taken))
            taken += part[:end]
            if end < len(part):
                self.unread(part[end:])
            if not part or taken.endswith(b"\n"):
                break
        return bytes(taken)

    def unread(self, part: memoryview) -> None:
        """Give back what was read too much."""
        with self._changed:
            self._parts.appendleft(part)
            self._held += len(part)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It goes one way."""
        return False

    def writable(self) -> bool:
        """Not for readers."""
        return False

    def close(self) -> None:
        """Part of a file's interface; whoever made the feed ends it."""

    async def _put(self, part: bytes) -> None:
        if not part:
            return
        with self._changed:
            self._parts.append(memoryview(part))
            self._held += len(part)
            self._room.clear()
            self._changed.notify()
            full = self._held > AHEAD_BYTES
        if full:
            await self._room.wait()

    def _next(self) -> memoryview:
        """The next part; empty at the end."""
        with self._changed:
            while not self._parts and not self._ended and self.error is None:
                self._changed.wait()
            if self.error is not None:
                raise self.error
            if not self._parts:
                return memoryview(b"")
            part = self._parts.popleft()
            self._held -= len(part)
            if self._held <= AHEAD_BYTES // 2 and not self._room.is_set():
                self._loop.call_soon_threadsafe(self._room.set)
        return part
