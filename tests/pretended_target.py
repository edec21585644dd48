"""A target that shares requests out, in memory: its tracks answer by real services, and it can be told to fail."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from model_code.errors import RolloutError
from model_code.pointer import Pointers
from services.rollout.base import Busy, Revision, Staged, Target, TargetStatus, Track, TrackStatus, Wanted


class PretendedTarget(Target):
    """Remembers what was asked of it, in order.

    Args:
        pointers: What the stable track follows.
        urls: Bundle -> where a real service answers with it.

    Attributes:
        asked: Every verb that changes something, with what it was given.
        on: Verb -> what happens instead of it; it may raise.
        unready: Tracks that are there and not ready.
    """

    name = "pretended"
    weighted = True

    def __init__(self, pointers: Pointers, urls: Mapping[str, str]) -> None:
        self._pointers, self._urls = pointers, urls
        self._locked = False
        self.staged: dict[Staged, Wanted] = {}
        self.weight = 0
        self.asked: list[str] = []
        self.on: dict[str, Callable[[], object]] = {}
        self.unready: set[Track] = set()

    @contextmanager
    def lock(self, usecase: str) -> Iterator[None]:
        if self._locked:
            raise Busy(f"another rollout of {usecase} is going on", hint="wait for it")
        self._locked = True
        try:
            yield
        finally:
            self._locked = False

    def deploy(self, wanted: Wanted, *, timeout: float = 120.0) -> TargetStatus:
        return self._done("deploy", wanted.usecase)

    def stage(self, wanted: Wanted, track: Staged, *, timeout: float = 120.0) -> TargetStatus:
        self._happens("stage", track)
        self.staged[track] = wanted
        return self.status(wanted.usecase)

    def traffic(self, usecase: str, percent: int) -> TargetStatus:
        self._happens("traffic", str(percent))
        self.weight = percent
        return self.status(usecase)

    def promote(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        self._happens("promote")
        self.staged, self.weight = {}, 0
        return self.status(usecase)

    def withdraw(self, usecase: str, *, timeout: float = 120.0) -> TargetStatus:
        self._happens("withdraw")
        self.staged, self.weight = {}, 0
        return self.status(usecase)

    def rollback(self, usecase: str, *, revision: int | None = None, timeout: float = 120.0) -> TargetStatus:
        return self._done("rollback", usecase)

    def status(self, usecase: str) -> TargetStatus:
        pointer = self._pointers.get(usecase)
        tracks = [self._track("stable", pointer.wanted, 100 - self.weight)] if pointer else []
        for track, wanted in self.staged.items():
            tracks.append(self._track(track, wanted.bundle, self.weight if track == "canary" else None))
        return TargetStatus(target=self.name, usecase=usecase, tracks=tuple(tracks))

    def history(self, usecase: str) -> tuple[Revision, ...]:
        return ()

    def stop(self, usecase: str) -> None:
        self.staged = {}

    @contextmanager
    def endpoint(self, usecase: str, track: Track = "stable") -> Iterator[str]:
        found = self.status(usecase).track(track)
        if found is None or found.bundle not in self._urls:
            raise RolloutError(f"{usecase} has no {track} here")
        yield self._urls[found.bundle]

    def _track(self, track: Track, bundle: str, weight: int | None) -> TrackStatus:
        ready = int(track not in self.unready)
        return TrackStatus(track=track, bundle=bundle, replicas=1, ready_replicas=ready, weight=weight)

    def _done(self, verb: str, usecase: str) -> TargetStatus:
        self._happens(verb)
        return self.status(usecase)

    def _happens(self, verb: str, told: str = "") -> None:
        self.asked.append(f"{verb} {told}".strip())
        if verb in self.on:
            self.on[verb]()
