"""A contestant that runs: started until its first right answer, ended with everything that it started."""

import http.client
import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.contestants import Contestant, Rows, Stage
from benchmarks.serving.load import Load, ask
from benchmarks.serving.trained import Trained
from benchmarks.serving.tree import MARK, Tree

START_SECONDS = 90
CORES = os.cpu_count() or 1
TOLERANCE = 1e-4  # relative: a server that answers something else is not compared


@dataclass(frozen=True)
class Server:
    """One that answers.

    Attributes:
        started: Seconds from the command to the first right answer.
        folder: Its own.
    """

    contestant: Contestant
    tree: Tree
    port: int
    started: float
    folder: Path
    headers: list[str]
    trained: Trained

    def load(self, rows: Rows, connections: int, seconds: float) -> Load:
        """Ask for these rows over and over."""
        body = json.dumps(self.contestant.body(rows)).encode()
        return ask(f"http://127.0.0.1:{self.port}{self.contestant.path}", body, connections, seconds, self.headers)

    def prove(self, number: int) -> None:
        """Ask for so many rows once, and compare.

        Raises:
            RuntimeError: The answers are not the model's.
        """
        rows, wanted = self.trained.rows[:number].tolist(), self.trained.values[:number].tolist()
        body = json.dumps(self.contestant.body(rows)).encode()
        status, content = post(self.port, self.contestant.path, body, self.headers)
        if status != 200:
            raise RuntimeError(f"{self.contestant.name}: {status} {content[:500]!r}")
        check(self.contestant.values(json.loads(content)), wanted, self.contestant)


@contextmanager
def serving(contestant: Contestant, trained: Trained, port: int, workers: int) -> Iterator[Server]:
    """Start it in a folder of its own; end it and whatever it started.

    Raises:
        RuntimeError: It ended, gave no answer in time, or a wrong one; its log is told.
    """
    with tempfile.TemporaryDirectory(prefix=f"bench-{contestant.name}-") as name:
        folder = Path(name)
        launch = contestant.launch(Stage(folder, trained, port, workers, max(1, CORES // workers)))
        mark = uuid.uuid4().hex
        tree, log = Tree(mark), folder / "server.log"
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                launch.command,
                env={**inherited, **launch.variables, MARK: mark},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                headers = contestant.headers(folder)
                _first_answer(contestant, trained, port, headers, process, log)
                yield Server(contestant, tree, port, time.perf_counter() - began, folder, headers, trained)
            finally:
                tree.end()
                process.wait()


def _first_answer(
    contestant: Contestant, trained: Trained, port: int, headers: list[str], process: subprocess.Popen[bytes], log: Path
) -> None:
    rows, wanted = trained.rows[:1].tolist(), trained.values[:1].tolist()
    body = json.dumps(contestant.body(rows)).encode()
    until, last = time.monotonic() + START_SECONDS, ""
    while time.monotonic() < until and process.poll() is None:
        try:
            status, content = post(port, contestant.path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        else:
            last = f"{status} {content[:500]!r}"
            if status == 200:
                check(contestant.values(json.loads(content)), wanted, contestant)
                return
        time.sleep(0.01)
    raise RuntimeError(f"{contestant.name} did not answer: {last}\n{log.read_text(errors='replace')[-3000:]}")


def post(port: int, path: str, body: bytes, headers: list[str]) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        told = dict(header.split(": ", 1) for header in headers)
        connection.request("POST", path, body, {"Content-Type": "application/json", **told})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check(values: list[float], wanted: list[float], contestant: Contestant) -> None:
    """Refuse a server that serves another model.

    Raises:
        RuntimeError: A value is missing or wrong.
    """
    if len(values) != len(wanted) or any(
        abs(one - other) > TOLERANCE * max(1, abs(other)) for one, other in zip(values, wanted, strict=True)
    ):
        raise RuntimeError(f"{contestant.name} answers {values[:3]} for {wanted[:3]}")
