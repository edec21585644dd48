"""The running service without its HTTP side: the watcher, the handler, the forecasts, and what serves now."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from model_code.errors import EvenkeelError, NotReady
from model_code.installation import Installation
from services.forecaster.forecasts import Forecasts
from services.forecaster.handler import Handler
from services.forecaster.identity import new_id
from services.forecaster.keys import Keys
from services.forecaster.limits import Limits
from services.forecaster.memory import settle
from services.forecaster.messages import ForecastAnswer, ForecastRequest, ModelAnswer
from services.forecaster.telemetry import Answered, telemetry
from services.forecaster.told_origin import EPOCH, MICROSECOND
from services.forecaster.watcher import PointerWatcher, Serving
from services.keeping.opening import open_keeper

PREDICT_THREADS = 2
WARM_SECONDS = 0.5
GAUGES_SECONDS = 1.0  # so old may be what a worker tells of itself where another one answers the scrape
NOT_KEPT = "predictions cannot be kept: "
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def microseconds() -> int:
    """Now, microseconds since the epoch."""
    return time.time_ns() // 1_000


class Running:
    """One use case being served.

    Args:
        place: The use case's installation.
        clock: The wall clock.

    Attributes:
        usecase: Its name.
        handler: Answers rows of features.
        keys: Who may ask; None where everybody on this machine may.
        limits: What one request, and all at once, may take.
        telemetry: Counts answers.
        draining: Whether the service is about to end: still answering, no longer ready.
    """

    def __init__(self, place: Installation, clock: Callable[[], datetime] = wall_clock) -> None:
        settings = place.settings
        self.usecase = place.usecase.name
        self.limits = Limits.of(settings)
        self.keys = (
            Keys(settings.keys_file, rate=settings.rate_limit, share=settings.workers) if settings.keys_file is not None else None
        )
        self.telemetry = Answered(self.usecase)
        self.draining = False
        fixed = place.usecase.spec.present
        self._fixed = None if fixed is None else (fixed - EPOCH) // MICROSECOND
        self._pinned = bool(settings.pin)
        self._spool_bytes = settings.spool_bytes
        self._warm = settings.warm_forecasts and place.usecase.spec.task == "forecast"
        self._stopped = threading.Event()
        self._watcher = PointerWatcher(place, clock)
        self._keeper = open_keeper(settings, self.usecase)
        self.handler = Handler(self._keeper, microseconds, PREDICT_THREADS, self.telemetry.kept)
        self._forecasts = Forecasts(place, self._keeper, clock, self.telemetry.kept)

    def present(self) -> int:
        """The moment to answer at, microseconds since the epoch: the use case's fixed present, else the clock's."""
        return self._fixed or microseconds()

    def start(self) -> None:
        """Load the wanted bundle and follow the pointer from now on."""
        self._watcher.start()
        settle()
        threading.Thread(target=self._tell_gauges, name="gauges", daemon=True).start()
        if self._warm:
            threading.Thread(target=self._warm_forecasts, name="warm-up", daemon=True).start()

    def stop(self) -> None:
        """End the background work; what was kept is brought to the store."""
        self._stopped.set()
        self._watcher.stop()
        self.handler.close()
        self._keeper.close()

    def _tell_gauges(self) -> None:
        """Tell how this worker is until it ends: a scrape reads of the other workers what they told last."""
        self.refresh_gauges()
        while not self._stopped.wait(GAUGES_SECONDS):
            self.refresh_gauges()

    def _warm_forecasts(self) -> None:
        """Import and read beforehand what the first forecast needs; without data there is nothing to read yet."""
        while self._watcher.standing.serving is None and not self._stopped.wait(WARM_SECONDS):
            pass
        if not self._stopped.is_set():
            try:
                self._forecasts.warm(self.serving())
            except EvenkeelError as error:
                logger.info("the first forecast will take longer: %s", error)

    @property
    def unready(self) -> str:
        """Why the service should get no requests; empty when it should."""
        if self.draining:
            return "the service is about to end"
        standing = self._watcher.standing
        if not standing.ready:
            return standing.reason or "another bundle is wanted than answers"
        refusing = self._keeper.standing.refusing
        return NOT_KEPT + refusing if refusing else ""

    def forecast(self, request: ForecastRequest, request_id: str = "") -> ForecastAnswer:
        """The answer; one bundle makes all of it.

        Args:
            request: The question.
            request_id: Its id where the caller gave none. Default: a new one.

        Raises:
            EvenkeelError: See `Forecasts.answer`.
            NotReady: There is no bundle to answer with.
        """
        return self._forecasts.answer(request, request.request_id or request_id or new_id(), self.serving())

    def model(self) -> ModelAnswer:
        """What serves, beside what should.

        Raises:
            NotReady: There is no bundle to answer with.
        """
        standing, serving = self._watcher.standing, self.serving()
        manifest = serving.bundle.manifest
        reason = self.unready
        return ModelAnswer(
            usecase=manifest.usecase,
            version=serving.version,
            bundle=serving.bundle.hash,
            alias="champion" if serving.bundle.hash == standing.wanted and not self._pinned else None,
            family=manifest.family,
            columns=tuple(manifest.feature_columns),
            trained_until=manifest.trained_until,
            backtest_loss=serving.bundle.profile.get("loss"),
            serving_since=serving.since,
            wanted=standing.wanted,
            pinned=self._pinned,
            generation=standing.generation,
            ready=not reason,
            reason=reason,
        )

    def refresh_gauges(self) -> None:
        """Bring this worker's metrics that are read rather than counted up to date."""
        told, standing = telemetry(), self._keeper.standing
        told.ready.labels(self.usecase).set(float(not self.unready))
        told.spool.labels(self.usecase).set(standing.pending_bytes)
        told.spool_limit.labels(self.usecase).set(self._spool_bytes)
        told.spool_age.labels(self.usecase).set(standing.oldest_seconds)
        told.store_down.labels(self.usecase).set(float(standing.store_down_since is not None))
        told.set_aside.labels(self.usecase).set(standing.set_aside)
        told.refusing.labels(self.usecase).set(float(bool(standing.refusing)))

    def serving(self) -> Serving:
        """What answers now; a request uses one of these from its start to its end.

        Raises:
            NotReady: There is no bundle to answer with.
        """
        standing = self._watcher.standing
        if standing.serving is None:
            raise NotReady(f"{self.usecase} is not served: {standing.reason}", hint="`make status` tells more")
        return standing.serving
