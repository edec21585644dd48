"""The local stack: start its parts side by side, wait until each answers, end them all."""

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from flows.stack import service
from flows.stack.daemon import Daemon
from flows.stack.parts import REPOSITORY, Part, all_parts, environment, launch, taken
from flows.stack.templates import copy_templates
from model_code.errors import ConfigurationError
from model_code.settings import Settings
from model_code.settings_group import PREFIX
from monitoring.prometheus.programs import PACKAGES

PARTS = ("prefect", "zygote", "worker", "mlflow", "exporter", "bridge", "reports", "alertmanager", "prometheus", "service")
SERVICE = "service"
CORE = ("prefect", "zygote", "worker")
START_SECONDS = 120.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Status:
    """One part as it is now; `note` says why it is not ready, where that is known."""

    name: str
    pid: int | None
    ready: bool
    url: str
    log: str
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class LocalStack:
    """The parts of one installation, kept under `settings.home`.

    Args:
        settings: Places and ports.
        deployments: File of the deployments.
        parts: Every part that is a plain process. Default: those of `flows.stack.parts`, and the service beside them.

    Example:
        >>> LocalStack(Settings(home="/tmp/nothing-here")).down()
        []
    """

    def __init__(
        self, settings: Settings, deployments: Path = REPOSITORY / "prefect.yaml", parts: Mapping[str, Part] | None = None
    ) -> None:
        self._settings = settings
        self._deployments = deployments
        self._parts = all_parts(settings) if parts is None else parts
        known = (*self._parts, SERVICE) if parts is None else tuple(parts)
        self._names = tuple(name for name in PARTS if name in known) if parts is None else known

    @property
    def absent(self) -> dict[str, str]:
        """Parts that are not installed here -> Debian's package of each; the stack does without them."""
        return {name: package for name, package in PACKAGES.items() if name not in self._names}

    def up(self, names: Sequence[str] = PARTS) -> list[Status]:
        """Start those parts that do not run and wait until all answer. Interrupted or failed, it ends what it started.

        Raises:
            ConfigurationError: A port is taken (nothing was started), or a part did not come up (with its log's end).
        """
        names = [name for name in names if name not in self.absent]
        with self._only_one():
            missing = [self._parts[name] for name in names if name != SERVICE and self._daemon(name).pid is None]
            # What a killed predecessor left behind would keep its port.
            self._stop([part.name for part in missing])
            self._refuse_taken_ports(missing)
            copy_templates(self._settings)
            try:
                self._start(missing, register="worker" in names)
                if SERVICE in names:
                    service.start(self._settings)
            except BaseException:
                self._stop([part.name for part in missing])
                raise
        return self.status(names)

    def register(self) -> None:
        """Register deployments and automations again at the Prefect server that runs.

        Raises:
            ConfigurationError: It does not answer, or one of them is wrong.
        """
        with self._only_one():
            if not self._parts["prefect"].ready():
                raise ConfigurationError("the Prefect server does not answer", hint="run `make up` first")
            self._register()

    def down(self) -> list[str]:
        """End every part with all that it started, however it was left; names of those that ran."""
        with self._only_one():
            return self._stop(self._names)

    def status(self, names: Iterable[str] | None = None) -> list[Status]:
        """How each part is doing. Default: all."""
        wanted = self._names if names is None else [name for name in names if name not in self.absent]
        return [self._status(name) for name in wanted]

    def _start(self, missing: Sequence[Part], *, register: bool) -> None:
        for part in missing:
            part.prepare()
            if not part.waits:
                self._daemon(part.name).start(part.command, self._environment, REPOSITORY)
        if register:
            for name in ("prefect", "zygote"):
                self._wait(self._parts[name])
            self._register()
        for part in missing:
            if part.waits:
                self._daemon(part.name).start(part.command, self._environment, REPOSITORY)
        for part in missing:
            self._wait(part)

    def _register(self) -> None:
        command = [*launch(self._settings), "flows.stack.registration", str(self._deployments.resolve())]
        done = subprocess.run(command, cwd=REPOSITORY, env=self._environment, capture_output=True, text=True)
        if done.returncode:
            raise ConfigurationError(f"the deployments were not registered: {done.stderr.strip()}", hint="see prefect.yaml")

    def _wait(self, part: Part) -> None:
        daemon, deadline = self._daemon(part.name), time.monotonic() + START_SECONDS
        while not part.ready():
            if daemon.pid is None or time.monotonic() > deadline:
                how = "ended" if daemon.pid is None else f"did not answer within {START_SECONDS:.0f} s"
                raise ConfigurationError(f"{part.name} {how}; the end of {daemon.log}:\n{daemon.tail()}")
            time.sleep(POLL_SECONDS)

    def _stop(self, names: Iterable[str]) -> list[str]:
        # Last started, first ended: a worker should not see its server vanish.
        return [name for name in reversed([*names]) if self._end(name)]

    def _end(self, name: str) -> bool:
        if name != SERVICE:
            return self._daemon(name).stop()
        return service.stop(self._settings)

    def _status(self, name: str) -> Status:
        if name == SERVICE:
            found = service.status(self._settings)
            return Status(name, found.pid, found.ready, found.url, found.log, found.reason)
        part, daemon = self._parts[name], self._daemon(name)
        pid = daemon.pid
        return Status(name, pid, pid is not None and part.ready(), part.url, str(daemon.log))

    def _refuse_taken_ports(self, missing: Sequence[Part]) -> None:
        for part in missing:
            if part.port is not None and taken(self._settings.host, part.port):
                raise ConfigurationError(
                    f"port {part.port}, wanted by {part.name}, is taken; nothing was started",
                    hint=f"set {PREFIX}{part.setting} to a free port",
                )

    def _daemon(self, name: str) -> Daemon:
        home = self._settings.home.resolve()
        return Daemon(name, run=home / "run", logs=home / "logs")

    @cached_property
    def _environment(self) -> dict[str, str]:
        return environment(self._settings)

    def _only_one(self) -> AbstractContextManager[object]:
        run = Path(self._settings.home) / "run"
        run.mkdir(parents=True, exist_ok=True)
        try:
            return FileLock(run / "stack.lock").acquire(timeout=0.2)
        except Timeout as error:
            raise ConfigurationError("another command is starting or ending this stack", hint="wait for it") from error
