"""Following the pointer: the wanted bundle is loaded beside the one that answers, checked, and switched to at once.

A pinned service (a canary, a shadow) follows nothing: its one bundle is the wanted one from start to end.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from model_code import logs
from model_code.bundle import Bundle
from model_code.errors import BundleError, BundleUnavailable, EvenkeelError, LibraryMissing, StoreError
from model_code.installation import Installation
from model_code.models.device import DEVICES
from model_code.pointer import Pointer
from services.forecaster.memory import settle
from services.forecaster.telemetry import telemetry
from services.refusal import NOT_READY, RETRY_SECONDS, refusal

POLL_SECONDS = 0.2
MANY_ROWS = 10_000  # more than the ONNX form of a family answers that hands over at all
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log


@dataclass(frozen=True)
class Serving:
    """What answers. A request uses one of these from its start to its end.

    Attributes:
        bundle: The verified bundle.
        version: Its registry version.
        since: When it was switched to (wall clock).
    """

    bundle: Bundle
    version: str
    since: datetime


@dataclass(frozen=True)
class Standing:
    """What answers beside what is wanted; replaced as a whole.

    Attributes:
        serving: What answers; None before the first bundle.
        wanted: Hash that the pointer wants, or the pin; None before the first promotion.
        generation: The pointer's; 0 where pinned.
        reason: Why the service is not ready; empty when it is.
    """

    serving: Serving | None
    wanted: str | None
    generation: int
    reason: str

    @property
    def ready(self) -> bool:
        """Whether the wanted bundle is the one that answers."""
        return self.serving is not None and not self.reason and self.serving.bundle.hash == self.wanted


class PointerWatcher:
    """Keeps the wanted bundle serving, and the previous one loaded for an instant way back.

    Args:
        place: The use case's installation.
        clock: The wall clock.
    """

    def __init__(self, place: Installation, clock: Callable[[], datetime]) -> None:
        self.standing = Standing(None, None, 0, "starting")
        self._place = place
        self._clock = clock
        self._loaded: dict[str, Bundle] = {}
        self._refused: dict[str, tuple[float, BundleError]] = {}
        self._blind = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pointer-watcher", daemon=True)

    def start(self) -> None:
        """Look once, then go on looking in the background."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End the background work; what serves goes on serving."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Read the pointer and follow it; whatever fails, what serves goes on serving and the reason is told."""
        try:
            self._follow(self._wanted())
        except BundleUnavailable as error:
            self._not_ready(str(error))
        except BundleError as error:
            self._not_ready(refusal(self.standing.wanted or "", error))
        except StoreError as error:
            self._unread(error)
        except EvenkeelError as error:
            self._not_ready(str(error))
        except Exception as error:
            logger.exception("the pointer could not be followed")
            self._not_ready(f"unexpected: {error!r}")

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.look()

    def _wanted(self) -> Pointer | None:
        name, pin = self._place.usecase.name, self._place.settings.pin
        if pin:
            return Pointer(usecase=name, wanted=pin, previous=None, generation=0)
        return self._place.pointers.get(name)

    def _unread(self, error: StoreError) -> None:
        """Nobody can move a pointer in a database that is away: what was wanted last still is, and ready stays ready."""
        if not self.standing.ready:
            self._not_ready(str(error))
        elif not self._blind:
            self._blind = True
            logger.warning("the pointer cannot be read, what serves goes on: %s", error)

    def _follow(self, pointer: Pointer | None) -> None:
        self._blind = False
        if pointer is None:
            self._not_ready(f"no bundle of {self._place.usecase.name} is promoted yet (promote a version first)")
            return
        serving = self.standing.serving
        if serving is None or serving.bundle.hash != pointer.wanted:
            self._switch(pointer)
        elif not self.standing.ready or self.standing.generation != pointer.generation:
            self.standing = Standing(serving, pointer.wanted, pointer.generation, "")
        elif pointer.previous is not None and pointer.previous not in self._loaded and not self._recently(pointer.previous):
            self._keep_ready(pointer.previous)

    def _switch(self, pointer: Pointer) -> None:
        if self._recently(pointer.wanted):
            self.standing = replace(self.standing, wanted=pointer.wanted, generation=pointer.generation)
            raise self._refused[pointer.wanted][1].with_traceback(None)
        reason = f"loading bundle {pointer.wanted[:12]}"
        self.standing = replace(self.standing, wanted=pointer.wanted, generation=pointer.generation, reason=reason)
        try:
            bundle = self._load(pointer.wanted)
        except BundleError:
            telemetry().switches.labels(self._place.usecase.name, "refused").inc()
            raise
        old = self.standing.serving
        serving = Serving(bundle, self._version(bundle.hash), self._clock())
        self.standing = Standing(serving, pointer.wanted, pointer.generation, "")
        self._loaded = {kept.hash: kept for kept in (bundle, old.bundle if old else bundle)}
        self._tell_switch(old, serving)

    def _load(self, wanted: str) -> Bundle:
        if wanted in self._loaded:
            return self._loaded[wanted]
        try:
            bundle = self._place.bundle(wanted)
            if bundle.manifest.usecase != self._place.usecase.name:
                raise BundleError(f"bundle {wanted[:12]} is of {bundle.manifest.usecase}", hint="promote one of this use case")
            bundle.features_module()
            check_many_rows(bundle)
        except BundleError as error:
            if wanted not in self._refused:  # tried again every few seconds; told once
                logger.error("bundle refused: %s", error)
            self._refused[wanted] = time.monotonic(), error
            raise
        self._refused.pop(wanted, None)
        settle()
        return bundle

    def _keep_ready(self, previous: str) -> None:
        serving = self.standing.serving
        assert serving is not None
        try:
            bundle = self._load(previous)
        except BundleError:
            return  # told in the log; it matters only once it is wanted, and is tried again then
        self._loaded = {serving.bundle.hash: serving.bundle, bundle.hash: bundle}

    def _recently(self, refused: str) -> bool:
        return refused in self._refused and time.monotonic() - self._refused[refused][0] < RETRY_SECONDS

    def _version(self, bundle_hash: str) -> str:
        settings = self._place.settings
        if settings.pin and settings.pin_version:
            return settings.pin_version  # a challenger is in no ledger yet, and a canary starts without a database, too
        entries = reversed(self._place.ledger.entries(self._place.usecase.name))
        versions = (entry.to_version for entry in entries if entry.to_bundle == bundle_hash and entry.to_version)
        return next(versions, bundle_hash[:12])

    def _not_ready(self, reason: str) -> None:
        if reason != self.standing.reason:
            logger.warning("%s%s", NOT_READY, reason)
        self.standing = replace(self.standing, reason=reason)

    def _tell_switch(self, old: Serving | None, new: Serving) -> None:
        name = self._place.usecase.name
        logs.identify(version=new.version)
        logger.info("serving version %s, bundle %s", new.version, new.bundle.hash)
        told = telemetry()
        told.switches.labels(name, "switched").inc()
        if old is not None:
            told.bundle.labels(name, old.version, old.bundle.hash).set(0)
        told.bundle.labels(name, new.version, new.bundle.hash).set(1)


def check_many_rows(bundle: Bundle) -> None:
    """Hold what answers many rows to the golden answers, too, before anybody asks for many.

    Left for whoever asks first, who is refused where they are wrong: a library that this image lacks, so that a bundle whose
    pointer moves before the image answers few rows at once; and a card, which takes seconds and most of its memory.

    Raises:
        BundleError: It is altered, or its golden answers are wrong.
    """
    if any(DEVICES.of(part.manifest.family) == "cuda" for part in bundle.made_of.values()):
        return
    try:
        bundle.require(MANY_ROWS)
    except LibraryMissing as error:
        logger.warning("bundle %s answers few rows at once, more are refused: %s", bundle.hash[:12], error)
