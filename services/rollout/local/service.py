"""The model service as a detached process of this machine."""

import os
import socket
import sys
import time

from pydantic import BaseModel, ConfigDict

from model_code.errors import InvalidRequest, NotReady, RolloutError
from model_code.settings import Settings
from model_code.usecase import UseCase
from services.client import ForecastClient
from services.forecaster.command import environment
from services.refusal import RETRY_SECONDS, is_refusal
from services.rollout.local.process import ProcessFile, alone, end, start_recorded, tail
from services.rollout.pointed import require_pointer

GRACE_SECONDS = 10.0
ORPHAN_SECONDS = 5.0  # a worker whose server was killed ends by itself well within this
POLL_SECONDS = 0.1


class Status(BaseModel):
    """What runs on the port.

    Attributes:
        running: Whether the endpoint's process is there.
        ready: Whether it serves the wanted bundle.
        usecase: What it serves; None when nothing runs.
        url: Its address.
        version: Registry version that answers; None when there is none.
        bundle: Hash of the bundle that answers; None when there is none.
        reason: Why it is not ready; empty when it is.
        pid: Process id; None when nothing runs.
        log: Where its log is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    running: bool
    ready: bool
    usecase: str | None = None
    url: str
    version: str | None = None
    bundle: str | None = None
    reason: str = ""
    pid: int | None = None
    log: str = ""


class LocalService:
    """The model service as a detached process, one for each port.

    Args:
        settings: Home, host and port; the service gets the same settings.
        name: Of its files. Default: after the port.
    """

    def __init__(self, settings: Settings, name: str = "") -> None:
        self._settings = settings
        self._port = settings.service_port
        self._file = settings.home / "run" / f"{name or f'service-{self._port}'}.json"
        self._lock = self._file.with_suffix(".lock")
        self._log = settings.home / "logs" / f"{self._file.stem}.log"
        self.url = f"http://{settings.host}:{self._port}"

    def deploy(self, usecase: UseCase, *, timeout: float = 60.0) -> Status:
        """Start the service where it does not run, and wait until it serves the wanted bundle.

        Raises:
            RolloutError: Nothing is promoted, the port is taken, or the bundle does not answer in time.
        """
        wanted = require_pointer(self._settings, usecase.name)
        self.start(usecase)
        return self.wait_ready(wanted, timeout)

    def start(self, usecase: UseCase) -> None:
        """Start the service where it does not run, without waiting for it.

        Raises:
            RolloutError: The port is taken, by another use case or another program.
        """
        with alone(self._lock) as lock:
            known = ProcessFile.read(self._file)
            if known is not None and known.process() is not None:
                if known.usecase != usecase.name:
                    raise self._taken(f"the service of {known.usecase}")
                return
            self._check_port(ORPHAN_SECONDS if known is not None else 0.0)
            chosen = self._settings.model_copy(update={"usecase": usecase.name})
            command = [sys.executable, "-m", "services.forecaster"]
            start_recorded(command, {**os.environ, **environment(chosen)}, self._log, self._file, usecase.name, lock)

    def wait_ready(self, bundle_hash: str, timeout: float = 60.0) -> Status:
        """Wait until that bundle answers.

        Raises:
            RolloutError: The process ended, refused the bundle, or was too slow; with the end of its log.
        """
        began = time.monotonic()
        perhaps_old = True  # a refusal told at the first look may be from before what put the bundle right
        while True:
            status = self.status()
            if status.ready and status.bundle == bundle_hash:
                return status
            if not status.running:
                raise self._failed("the service ended")
            waited = time.monotonic() - began
            refused = is_refusal(status.reason, bundle_hash)
            perhaps_old = perhaps_old and refused and waited < RETRY_SECONDS + 1
            if refused and not perhaps_old:
                raise RolloutError(status.reason, hint=f"see {self._log}; what served before goes on")
            if waited > timeout:
                raise self._failed(f"bundle {bundle_hash[:12]} does not answer after {timeout:g} s: {status.reason}")
            time.sleep(POLL_SECONDS)

    def status(self) -> Status:
        """What runs on the port, as far as this target started it."""
        known = ProcessFile.read(self._file)
        process = known.process() if known is not None else None
        if known is None or process is None:
            return Status(running=False, ready=False, url=self.url, reason="not running", log=str(self._log))
        found = Status(running=True, ready=False, usecase=known.usecase, url=self.url, pid=process.pid, log=str(self._log))
        try:
            with ForecastClient(self.url, key=self._settings.service_key, timeout=5.0, attempts=1) as client:
                model = client.model()
        except (InvalidRequest, NotReady) as error:
            return found.model_copy(update={"reason": str(error)})
        told = {"ready": model.ready, "version": model.version, "bundle": model.bundle, "reason": model.reason}
        return found.model_copy(update=told)

    def stop(self) -> None:
        """End the service: asked first, killed after a grace; nothing running is fine."""
        if not self._file.exists():
            return
        with alone(self._lock):
            known = ProcessFile.read(self._file)
            process = known.process() if known is not None else None
            if process is not None:
                end(process, GRACE_SECONDS)
            self._file.unlink(missing_ok=True)

    def _check_port(self, patience: float) -> None:
        """Refuse a port that somebody listens on, after `patience` seconds for one who is about to leave."""
        deadline = time.monotonic() + patience
        while not _free(self._settings.host, self._port):
            if time.monotonic() >= deadline:
                raise self._taken("another program")
            time.sleep(POLL_SECONDS)

    def _taken(self, by: str) -> RolloutError:
        return RolloutError(
            f"port {self._port} of {self._settings.host} is taken by {by}",
            hint="stop it, or set EVENKEEL_SERVICE_PORT to another port",
        )

    def _failed(self, what: str) -> RolloutError:
        log = tail(self._log)
        return RolloutError(f"{what}; end of {self._log}:\n{log}" if log else what, hint=f"see {self._log}")


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
