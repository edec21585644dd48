"""A Prometheus of one's own for a while: to ask what panels ask, of live targets or of data that were put in beforehand."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx

from model_code.errors import EvenkeelError

LONGEST_START = 60.0  # seconds
KEPT = "20y"
LONGEST_BLOCK = "1440h"


class PrometheusFailed(EvenkeelError):
    """Prometheus is not installed, did not start, or refused a question."""

    title = "Prometheus failed"


@dataclass(frozen=True)
class Series:
    """One answered series.

    Attributes:
        labels: Of Prometheus, its name among them.
        points: (seconds since 1970, value), oldest first.
    """

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]] = field(default_factory=tuple)


class OwnPrometheus:
    """A Prometheus on a free port of 127.0.0.1 with its data in a folder; a context manager.

    Args:
        folder: For configuration, data and log.
        targets: Job -> `host:port` to scrape; none for data that were put in beforehand.
        scrape: How often.
        rules: Files of rules that it evaluates.

    Raises:
        PrometheusFailed: It is not installed, or did not start (with its log's end).
    """

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, str] | None = None,
        *,
        scrape: timedelta = timedelta(seconds=1),
        rules: Sequence[Path] = (),
    ) -> None:
        self._folder = folder
        self._log = folder / "prometheus.log"
        pace = f"{scrape.total_seconds():g}s"
        self._configuration = {
            "global": {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace},
            "rule_files": [str(path.resolve()) for path in rules],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in (targets or {}).items()
            ],
        }

    def __enter__(self) -> Self:
        program = shutil.which("prometheus")
        if program is None:
            raise PrometheusFailed("prometheus is not installed", hint="apt-get install prometheus")
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "prometheus.yml"
        configuration.write_text(json.dumps(self._configuration))  # JSON is YAML
        self._port = _free_port()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--storage.tsdb.retention.time={KEPT}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=log,
            )
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30, trust_env=False)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def now(self, question: str, at: datetime | None = None) -> list[Series]:
        """The answer to an instant query.

        Raises:
            PrometheusFailed: It cannot be asked so.
        """
        parameters = {"query": question} | ({} if at is None else {"time": str(at.timestamp())})
        found = self._ask("query", parameters)
        if found["resultType"] == "scalar":
            return [Series({}, [_point(found["result"])])]
        return [Series(each["metric"], [_point(each["value"])]) for each in found["result"]]

    def over(self, question: str, start: datetime, end: datetime, step: timedelta) -> list[Series]:
        """The answer to a range query.

        Raises:
            PrometheusFailed: It cannot be asked so.
        """
        span = {"start": str(start.timestamp()), "end": str(end.timestamp()), "step": str(step.total_seconds())}
        found = self._ask("query_range", {"query": question} | span)
        return [Series(each["metric"], [_point(point) for point in each["values"]]) for each in found["result"]]

    def values(self, label: str, match: str) -> list[str]:
        """Values of a label among the series that a selector matches, as a dashboard's variable asks.

        Raises:
            PrometheusFailed: It cannot be asked so.
        """
        found: list[str] = self._ask(f"label/{label}/values", {"match[]": match})
        return found

    def _ask(self, way: str, parameters: Mapping[str, str]) -> Any:
        answer = self._client.get(f"/api/v1/{way}", params=dict(parameters))
        told = answer.json()
        if told.get("status") != "success":
            raise PrometheusFailed(f"{next(iter(parameters.values()))}: {told.get('error', answer.status_code)}")
        return told["data"]

    def _wait(self) -> None:
        deadline = time.monotonic() + LONGEST_START
        while True:
            try:
                if self._client.get("/-/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PrometheusFailed(f"prometheus did not start; the end of its log:\n{self._log.read_text()[-2_000:]}")
            time.sleep(0.05)


def put_in(folder: Path, openmetrics: Path) -> None:
    """Put samples with times of their own into the data of an `OwnPrometheus` that does not run yet.

    Args:
        folder: The same as the server's.
        openmetrics: A file in OpenMetrics' text form.

    Raises:
        PrometheusFailed: promtool is not installed, or does not take the file.
    """
    program = shutil.which("promtool")
    if program is None:
        raise PrometheusFailed("promtool is not installed", hint="apt-get install prometheus")
    blocks = ["--quiet", f"--max-block-duration={LONGEST_BLOCK}"]  # else one for every two hours, each with a pass over the file
    command = [program, "tsdb", "create-blocks-from", "openmetrics", *blocks, str(openmetrics), str(folder / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PrometheusFailed(f"{openmetrics}: {(done.stderr or done.stdout).strip()[-500:]}")


def _point(given: Sequence[Any]) -> tuple[float, float]:
    return float(given[0]), float(given[1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
