"""Our service in a drill: started, killed in several ways, started again in the same folder."""

import http.client
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil
import sqlalchemy as sa

from benchmarks.serving import ours
from benchmarks.serving.acknowledged import Acknowledging
from benchmarks.serving.contestants import Stage
from benchmarks.serving.server import CORES
from benchmarks.serving.trained import Trained
from benchmarks.serving.tree import MARK, Tree
from model_code.pointer import Pointers
from model_code.settings import Settings
from model_code.sql import engine

WAIT_SECONDS = 60.0
MOVER = "services.keeping.mover"


class DrilledService:
    """One installation in a folder of its own, whose service is ended roughly.

    Args:
        folder: Everything of it lies here, over all its lives.
        trained: What it serves.
        port: A free one.
        workers: How many.
        more: More settings, as variables.
    """

    def __init__(self, folder: Path, trained: Trained, port: int, workers: int, more: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.folder = folder
        self.trained = trained
        stage = Stage(folder, trained, port, workers, max(1, CORES // workers))
        self._more = dict(more or {})
        self._launch = ours.prepare(stage, more)
        self._mark = uuid.uuid4().hex
        self.tree = Tree(self._mark)
        self._process: subprocess.Popen[bytes] | None = None
        self.engine: sa.Engine = engine(self._more.get("EVENKEEL_SQL_URL") or Settings(home=folder / "home").sql)
        self.pointers = Pointers(self.engine)

    def start(self) -> float:
        """Start it, and wait until it is ready; seconds.

        Raises:
            RuntimeError: It ended, or is not ready in time.
        """
        began = time.monotonic()
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._launch.command,
                env={**inherited, **self._launch.variables, MARK: self._mark},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_ready()
        return time.monotonic() - began

    def wait_ready(self) -> None:
        """Wait until it says that it is ready.

        Raises:
            RuntimeError: It is not in time.
        """
        until = time.monotonic() + WAIT_SECONDS
        told = ""
        while time.monotonic() < until:
            status, told = self.readiness()
            if status == 200:
                return
            time.sleep(0.02)
        log = (self.folder / "service.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"not ready after {WAIT_SECONDS:g} s: {told}\n{log}")

    def readiness(self) -> tuple[int, str]:
        """Status of `/readyz` and why it is not ready; 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()
        return response.status, "" if response.status == 200 else str(json.loads(content).get("detail"))

    def load(self, connections: int) -> Acknowledging:
        """Full load by so many connections, single rows."""
        body = json.dumps({"rows": self.trained.rows[:1].tolist()}).encode()
        url = f"http://127.0.0.1:{self.port}/predict"
        return Acknowledging(url, body, ours.headers(self.folder), connections, self.folder)

    def members(self) -> dict[str, list[int]]:
        """Process ids by what they do: `first` (what was started), `worker`, `mover`."""
        found: dict[str, list[int]] = {"first": [], "worker": [], "mover": []}
        for process in self.tree.processes():
            try:
                command = " ".join(process.cmdline())
            except psutil.Error:
                continue
            first = self._process is not None and process.pid == self._process.pid
            found["first" if first else "mover" if MOVER in command else "worker"].append(process.pid)
        return found

    def kill(self, pids: list[int]) -> None:
        """`kill -9`, one right after the other."""
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._process is not None and self._process.pid in pids:
            self._process.wait()

    def wait_gone(self) -> None:
        """Wait until nothing answers on the port: workers end when what watches over them is gone.

        Raises:
            RuntimeError: One goes on.
        """
        until = time.monotonic() + WAIT_SECONDS
        while self.members()["worker"]:
            if time.monotonic() > until:
                raise RuntimeError(f"workers live on {WAIT_SECONDS:g} s after what watches over them was killed")
            time.sleep(0.02)

    def caught_up(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until nothing waits in the spool.

        Raises:
            RuntimeError: Something still does.
        """
        until = time.monotonic() + seconds
        while ours.waiting(self.folder):
            if time.monotonic() > until:
                raise RuntimeError(f"{ours.waiting(self.folder)} bytes wait in the spool after {seconds:g} s")
            time.sleep(0.02)

    def end(self) -> None:
        """In order, then by force."""
        self.tree.end()
        if self._process is not None:
            self._process.wait()
        self.engine.dispose()
