"""The warm process: one thread, heavy packages imported, a child forked for each connection."""

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.warm.launch import NUMBER, address

# Imported and never used before a fork: deltalake, for one, starts threads at its first use. Evenkeel's own modules are
# left out, so that a run always has the code on disk; so is onnxruntime, which starts a thread when it is imported.
HEAVY = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.events.clients",
    "prefect.artifacts",
    "prefect.deployments",
    "pandas",
    "pandera.pandas",
    "pandera.backends.pandas.register",
    "pandera.strategies.pandas_strategies",
    "holidays.countries",
    "sqlalchemy.dialects.sqlite",
    "pydantic_settings",
    "httpx",
    "yaml",
    "deltalake",
    "pyarrow.dataset",
    "xgboost",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "optuna",
    "mlflow.tracking",
    "plotly.graph_objects",
    "evidently",
    "evidently.presets",
    "evidently.metrics",
)
END_WITH_PARENT = 1  # prctl(PR_SET_PDEATHSIG, …)


@dataclass
class Run:
    """One forked child and the connection of the client that asked for it."""

    child: int
    connection: socket.socket


def preload(names: Iterable[str] = HEAVY) -> None:
    """Import the modules and put what they allocated out of the garbage collector's sight, so that pages stay shared.

    Raises:
        RuntimeError: An import started a thread, which a fork would cut off.
    """
    for name in names:
        importlib.import_module(name)
    if threading.active_count() != 1:
        raise RuntimeError(f"threads run before a fork: {[thread.name for thread in threading.enumerate()]}")
    gc.collect()
    gc.freeze()


class Zygote:
    """Listens at `path` (for this user alone), forks for each connection, reports each child's exit status."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with address(path) as name:
                self._listener.bind(name)
        finally:
            os.umask(before)
        self._listener.listen(64)
        self._runs: list[Run] = []
        self._stopping = False

    def serve(self) -> socket.socket | None:
        """Serve until SIGTERM or SIGINT, then end all children and return None.

        Returns in each forked child too: with the connection, from which the child reads its request.
        """
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping:
            self._wait(wake)
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            self._reap()
            connection = self._accept()
            if connection is not None and self._fork(connection):
                os.close(wake)
                os.close(woken)
                return connection
        self._end_all()
        return None

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _wait(self, wake: int) -> None:
        """Until a client comes, a child ends or a client goes; a client that went takes its child with it."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        clients = {run.connection.fileno(): run for run in self._runs}
        for number in clients:
            poll.register(number, select.POLLRDHUP)
        for number, _ in poll.poll():
            if number in clients:
                os.kill(clients[number].child, signal.SIGKILL)
                self._finish(clients[number])

    def _accept(self) -> socket.socket | None:
        self._listener.setblocking(False)
        try:
            return self._listener.accept()[0]
        except (BlockingIOError, ConnectionAbortedError):
            return None

    def _fork(self, connection: socket.socket) -> bool:
        """True in the child, which keeps nothing of the parent's but the connection."""
        parent = os.getpid()
        child = os.fork()
        if child:
            self._runs.append(Run(child, connection))
            return False
        ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._listener.close()
        for run in self._runs:
            run.connection.close()
        connection.setblocking(True)
        return True

    def _reap(self) -> None:
        for run in list(self._runs):
            child, status = os.waitpid(run.child, os.WNOHANG)
            if child:
                with contextlib.suppress(OSError):
                    run.connection.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
                self._runs.remove(run)
                run.connection.close()

    def _finish(self, run: Run) -> None:
        os.waitpid(run.child, 0)
        self._runs.remove(run)
        run.connection.close()

    def _end_all(self) -> None:
        for run in list(self._runs):
            os.kill(run.child, signal.SIGKILL)
            self._finish(run)
        self._listener.close()
        self._path.unlink(missing_ok=True)
