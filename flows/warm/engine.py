"""What a forked child does: become the process that its client stands for, then run the module asked for."""

import json
import os
import runpy
import socket
import sys
import time
from dataclasses import dataclass

from flows.warm.launch import LENGTH, NUMBER, receive_exactly


@dataclass(frozen=True)
class Request:
    """What a client stands for."""

    command: list[str]
    folder: str
    environment: dict[str, str]


def receive(connection: socket.socket) -> Request | None:
    """The client's request, once its streams are this process's own and it has been told who runs it.

    None if the client went without asking for anything.
    """
    try:
        head, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
        head += receive_exactly(connection, LENGTH.size - len(head))
        request = Request(**json.loads(receive_exactly(connection, LENGTH.unpack(head)[0])))
    except EOFError:
        return None
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    connection.sendall(NUMBER.pack(os.getpid()))
    connection.close()
    return request


def run(request: Request) -> None:
    """`python -m MODULE ARGUMENT …` with the client's environment and folder; ends by SystemExit or error as that does."""
    _become(request)
    module = request.command[0]
    _forget(module)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _become(request: Request) -> None:
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    os.chdir(request.folder)
    sys.argv[1:] = request.command[1:]
    sys.path[0] = request.folder
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # else every child draws the same numbers; `random` sees to itself


def _forget(module: str) -> None:
    """Drop what is the parent's own: Evenkeel's modules, Prefect's settings, an import of the module that is to run."""
    for name in [*sys.modules]:
        if name == module or name.partition(".")[0] == "flows":
            del sys.modules[name]
    if "prefect.context" in sys.modules:
        from prefect import context

        context.GLOBAL_SETTINGS_CONTEXT = context.root_settings_context()
