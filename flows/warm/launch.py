"""Start one flow run from the warm process: `python -I -S launch.py SOCKET [MODULE [ARGUMENT …]]`, standard library only.

It stands for `python -m MODULE ARGUMENT …` (default: `prefect.engine`, which runs one flow run) towards whoever started it:
same streams, same exit code, SIGTERM and SIGINT are passed on, and its death ends the run. Without a warm process at SOCKET
it becomes that command itself: slower, same result.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

LENGTH = struct.Struct("!I")
NUMBER = struct.Struct("!i")
FORWARDED = (signal.SIGTERM, signal.SIGINT)
LONGEST_ADDRESS = 100  # bytes; Linux allows 107
LOST = 70  # EX_SOFTWARE: the run ended, how is not known
ENGINE = "prefect.engine"


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """A name for the socket at `path` that is short enough for the system, however long the path is."""
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """`size` bytes.

    Raises:
        EOFError: The other side closed before that.
    """
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError(f"{size - len(parts)} of {size} bytes are missing")
        parts += part
    return bytes(parts)


def main(arguments: list[str]) -> int:
    """Run the module; returns its exit code."""
    path, command = Path(arguments[0]), arguments[1:] or [ENGINE]
    # Held back until the run's process is known, so that no signal is lost in between.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address(path) as name:
            connection.connect(name)
        _send_request(connection, command)
        child = NUMBER.unpack(receive_exactly(connection, NUMBER.size))[0]
    except (OSError, EOFError):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606
    for number in FORWARDED:
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    try:
        status = NUMBER.unpack(receive_exactly(connection, NUMBER.size))[0]
    except (OSError, EOFError):
        print("the warm process ended before the flow run did", file=sys.stderr)
        return LOST
    return _exit_as(status)


def _send_request(connection: socket.socket, command: list[str]) -> None:
    request = json.dumps({"environment": dict(os.environ), "folder": os.getcwd(), "command": command})
    body = request.encode("utf-8", "surrogateescape")
    socket.send_fds(connection, [LENGTH.pack(len(body))], [0, 1, 2])
    connection.sendall(body)


def _exit_as(status: int) -> int:
    """End as the run ended: by the same signal (negative status), or with its exit code."""
    if status >= 0:
        return status
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    return 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
