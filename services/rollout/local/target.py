"""Rollout to this machine: a process of this checkout's code for each track of a use case."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from model_code.errors import RolloutError
from model_code.settings import Settings
from model_code.usecase import load_usecase
from services.rollout.base import CHALLENGERS, Busy, Revision, Staged, Target, TargetStatus, Track, TrackStatus, Wanted
from services.rollout.local.process import ProcessFile
from services.rollout.local.service import LocalService, Status
from services.rollout.pointed import difference, require_pointer


class LocalTarget(Target):
    """The stable service on the settings' port, and beside it a pinned one for each challenger on a free port.

    Nothing shares requests out between them, and nothing is kept of what ran before: images are not told apart here.

    Args:
        settings: Home, host, port, and where the pointer is.
    """

    name = "local"
    weighted = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_copy(update={"pin": "", "pin_version": ""})
        self._held: set[str] = set()

    @contextmanager
    def lock(self, usecase: str) -> Iterator[None]:
        """Hold a file's lock, which the kernel frees when its holder dies; within it, again is fine.

        Raises:
            Busy: Another process holds it.
        """
        if usecase in self._held:
            yield
            return
        file = self._settings.home / "run" / f"rollout-{self._settings.service_port}-{usecase}.lock"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                told = f"another rollout of {usecase} is going on: {_holder(file)} holds {file}"
                raise Busy(told, hint="wait for it; a process that is killed loses it at once") from error
            held.truncate(0)
            held.write(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            held.flush()
            self._held.add(usecase)
            try:
                yield
            finally:
                self._held.remove(usecase)

    def deploy(self, wanted: Wanted, *, timeout: float = 120.0) -> TargetStatus:
        """Start the service where it does not run, and wait until it serves what the pointer wants."""
        self._require_code(wanted)
        require_pointer(self._settings, wanted.usecase, wanted.bundle)
        with self.lock(wanted.usecase):
            self._stable().deploy(load_usecase(wanted.usecase, self._settings), timeout=timeout)
        return self.status(wanted.usecase)

    def stage(self, wanted: Wanted, track: Staged, *, timeout: float = 120.0) -> TargetStatus:
        """Start a pinned service; one that is pinned otherwise ends first."""
        self._require_code(wanted)
        with self.lock(wanted.usecase):
            if not self._stable().status().running:
                raise RolloutError(
                    f"{wanted.usecase} is not deployed, so nothing can be staged beside it", hint="deploy it first"
                )
            there = self._settings_of(track)
            if there is not None and (there.pin, there.pin_version) != (wanted.bundle, wanted.version):
                self._end(track)
                there = None
            chosen = there or self._pinned(wanted)
            service = LocalService(chosen, self._file(track))
            service.start(load_usecase(wanted.usecase, self._settings))
            try:
                service.wait_ready(wanted.bundle, timeout)
            except RolloutError:
                service.stop()
                raise
        return self.status(wanted.usecase)

    def traffic(self, usecase: str, percent: int) -> TargetStatus:
        """Refused for anything but 0: there is one address for each service, and nothing before them."""
        if percent:
            raise RolloutError(
                f"this machine shares no requests out: {percent} % is not possible", hint="EVENKEEL_TARGET=helm does"
            )
        return self.status(usecase)

    def promote(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """Wait until the stable service, which follows the pointer, serves the canary's bundle; then end the canary."""
        with self.lock(usecase):
            canary = self._settings_of("canary")
            wanted = require_pointer(self._settings, usecase, canary.pin if canary else None)
            self._stable().start(load_usecase(usecase, self._settings))
            self._stable().wait_ready(wanted, timeout)
            self._end(*CHALLENGERS)
        return self.status(usecase)

    def withdraw(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        """End canary and shadow."""
        with self.lock(usecase):
            self._end(*CHALLENGERS)
        return self.status(usecase)

    def rollback(self, usecase: str, *, revision: int | None = None, timeout: float = 120.0) -> TargetStatus:
        """Refused: there are no releases, and the code is this checkout's."""
        raise RolloutError(
            f"this machine keeps no earlier releases of {usecase} to return to",
            hint="the rollback flow moves the pointer, which brings the earlier model back within a second",
        )

    def status(self, usecase: str) -> TargetStatus:
        """What the processes are and say."""
        services: dict[Track, LocalService | None] = {"stable": self._stable()}
        services |= {track: self._challenger(track) for track in CHALLENGERS}
        told = {track: service.status() for track, service in services.items() if service is not None}
        running = {track: each for track, each in told.items() if each.running and each.usecase == usecase}
        tracks = tuple(self._track(track, each) for track, each in running.items())
        stable = told["stable"]
        serves = next((each.bundle or "none" for each in tracks if each.track == "stable"), None)
        taken = f"the port serves {stable.usecase}" if stable.running and stable.usecase != usecase else ""
        return TargetStatus(
            target=self.name,
            usecase=usecase,
            tracks=tracks,
            differs=tuple(filter(None, [difference(self._settings, usecase, serves)])),
            reason=taken or ("" if "stable" in running else "not running"),
        )

    def history(self, usecase: str) -> tuple[Revision, ...]:
        """Nothing: no release is kept here."""
        return ()

    def stop(self, usecase: str) -> None:
        """End every process of the use case."""
        with self.lock(usecase):
            self._end(*CHALLENGERS)
            if self._stable().status().usecase in (usecase, None):
                self._stable().stop()

    @contextmanager
    def endpoint(self, usecase: str, track: Track = "stable") -> Iterator[str]:
        """The process' own address."""
        service = self._stable() if track == "stable" else self._challenger(track)
        if service is None or service.status().usecase != usecase:
            raise RolloutError(f"{usecase} has no {track} on this machine", hint="deploy or stage it first")
        yield service.url

    def _stable(self) -> LocalService:
        return LocalService(self._settings)

    def _challenger(self, track: Staged) -> LocalService | None:
        found = self._settings_of(track)
        return LocalService(found, self._file(track)) if found else None

    def _file(self, track: Staged) -> str:
        return f"service-{self._settings.service_port}-{track}"

    def _process(self, name: str) -> psutil.Process | None:
        known = ProcessFile.read(self._settings.home / "run" / f"{name}.json")
        return known.process() if known else None

    def _settings_of(self, track: Staged) -> Settings | None:
        """The settings that the running challenger was started with, which its process tells; None where none runs."""
        process = self._process(self._file(track))
        try:
            told = process.environ() if process else {}
        except psutil.NoSuchProcess:
            return None
        if "EVENKEEL_PIN" not in told:
            return None
        port = {"service_port": int(told["EVENKEEL_SERVICE_PORT"])}
        return self._settings.model_copy(update=port | {"pin": told["EVENKEEL_PIN"], "pin_version": told["EVENKEEL_PIN_VERSION"]})

    def _pinned(self, wanted: Wanted) -> Settings:
        port = _free_port(self._settings.host)
        return self._settings.model_copy(update={"service_port": port, "pin": wanted.bundle, "pin_version": wanted.version})

    def _end(self, *tracks: Staged) -> None:
        for track in tracks:
            LocalService(self._settings, self._file(track)).stop()

    def _track(self, track: Track, told: Status) -> TrackStatus:
        process = self._process(f"service-{self._settings.service_port}" if track == "stable" else self._file(track))
        return TrackStatus(
            track=track,
            version=told.version,
            bundle=told.bundle,
            replicas=1,
            ready_replicas=int(told.ready),
            reason=told.reason,
            since=datetime.fromtimestamp(process.create_time(), UTC) if process else None,
        )

    def _require_code(self, wanted: Wanted) -> None:
        if wanted.image is not None:
            raise RolloutError(f"this machine runs this checkout's code, not {wanted.image}", hint="leave IMAGE out")


def _holder(file: Path) -> str:
    """Who wrote its name into a lock's file; it may be about to."""
    return file.read_text() or "another process"


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
