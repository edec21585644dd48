"""Full load whose client writes down what was acknowledged, and the search for it in the store."""

import json
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from model_code.predictions import PredictionStore

SCRIPT = Path(__file__).parent / "acknowledged.lua"
LONGEST_SECONDS = 24 * 3600
TIMEOUT_SECONDS = 10
CHUNK = 500


@dataclass(frozen=True)
class Asked:
    """What the client saw.

    Attributes:
        requests: Answers, whatever their status.
        refused: Answers other than 200.
        broken: Connections that could not be made or broke.
        late: Answers that took longer than ten seconds.
        acknowledged: The ids of the answers that said 200, in a file, one a line.
    """

    requests: int
    seconds: float
    refused: int
    broken: int
    late: int
    acknowledged: Path

    @property
    def failed(self) -> int:
        """Requests that a caller would call failed."""
        return self.refused + self.broken + self.late

    def ids(self) -> Iterator[list[str]]:
        """The acknowledged ids, some hundreds at a time."""
        with self.acknowledged.open() as file:
            chunk: list[str] = []
            for line in file:
                chunk.append(line.rstrip("\n"))
                if len(chunk) == CHUNK:
                    yield chunk
                    chunk = []
            if chunk:
                yield chunk


class Acknowledging:
    """`wrk` at full load from entering to leaving; `asked` tells afterwards.

    Args:
        url: What is asked.
        body: JSON.
        headers: `name: value`.
        connections: Kept busy.
        folder: For the ids.
    """

    def __init__(self, url: str, body: bytes, headers: Sequence[str], connections: int, folder: Path) -> None:
        self.asked: Asked | None = None
        self._ids = Path(tempfile.mkstemp(dir=folder, suffix=".ids")[1])
        self._body = self._ids.with_suffix(".json")
        self._body.write_bytes(body)
        told = ["-t", "1", "-c", str(connections), "-d", f"{LONGEST_SECONDS}s", "--timeout", f"{TIMEOUT_SECONDS}s"]
        self._command = ["wrk", *told, "-s", str(SCRIPT), url, "--", str(self._body), str(self._ids), *headers]
        self._output = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(self._command, stdout=self._output, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(30)
        finally:
            self._child.kill()
            self._child.wait()
        self._output.seek(0)
        said = self._output.read().decode()
        self._output.close()
        self._body.unlink()
        line = next((line for line in said.splitlines() if line.startswith("RESULT ")), None)
        if line is not None:
            self.asked = Asked(acknowledged=self._ids, **json.loads(line.removeprefix("RESULT ")))
        elif error is None:
            raise RuntimeError(f"wrk told nothing:\n{said[-2000:]}")

    @property
    def done(self) -> Asked:
        """What the client saw.

        Raises:
            RuntimeError: It is still asking.
        """
        if self.asked is None:
            raise RuntimeError("the load has not ended")
        return self.asked


@dataclass(frozen=True)
class Searched:
    """What became of acknowledged requests.

    Attributes:
        acknowledged: How many.
        lost: Those that are not in the store, and
        doubled: those that are in it more than once.
    """

    acknowledged: int
    lost: int
    doubled: int


def search(asked: Asked, engine: sa.Engine) -> Searched:
    """Look for every acknowledged request of one row in the store."""
    stored: Counter[str] = Counter()
    for request_id, rows in PredictionStore(engine).requests():
        stored[request_id] += rows
    acknowledged = lost = doubled = 0
    for ids in asked.ids():
        counts = [stored[each] for each in ids]
        acknowledged += len(ids)
        lost += counts.count(0)
        doubled += sum(1 for count in counts if count > 1)
    return Searched(acknowledged, lost, doubled)
