"""The running service without its HTTP side: the watcher, the forecasts, and what serves now."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from model_code.errors import NotReady
from model_code.installation import Installation
from services.forecaster.forecasts import Forecasts
from services.forecaster.messages import ForecastAnswer, ForecastRequest, ModelAnswer
from services.forecaster.watcher import PointerWatcher, Serving


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class Running:
    """One use case being served.

    Args:
        place: The use case's installation.
        clock: The wall clock.
    """

    def __init__(self, place: Installation, clock: Callable[[], datetime] = wall_clock) -> None:
        self._place = place
        self._watcher = PointerWatcher(place, clock)
        self._forecasts = Forecasts(place, clock)

    def start(self) -> None:
        """Load the wanted bundle and follow the pointer from now on."""
        self._watcher.start()

    def stop(self) -> None:
        """End the background work."""
        self._watcher.stop()

    @property
    def ready(self) -> bool:
        """Whether the wanted bundle is the one that answers."""
        return self._watcher.standing.ready

    def forecast(self, request: ForecastRequest) -> ForecastAnswer:
        """The answer; one bundle makes all of it.

        Raises:
            EvenkeelError: See `Forecasts.answer`.
            NotReady: There is no bundle to answer with.
        """
        return self._forecasts.answer(request, request.request_id or uuid.uuid4().hex, self._serving())

    def model(self) -> ModelAnswer:
        """What serves, beside what should.

        Raises:
            NotReady: There is no bundle to answer with.
        """
        standing, serving = self._watcher.standing, self._serving()
        manifest = serving.bundle.manifest
        return ModelAnswer(
            usecase=manifest.usecase,
            version=serving.version,
            bundle=serving.bundle.hash,
            family=manifest.family,
            trained_until=manifest.trained_until,
            backtest_loss=serving.bundle.profile.get("loss"),
            serving_since=serving.since,
            wanted=standing.wanted,
            generation=standing.generation,
            ready=standing.ready,
            reason=standing.reason,
        )

    def _serving(self) -> Serving:
        standing = self._watcher.standing
        if standing.serving is None:
            raise NotReady(f"{self._place.usecase.name} is not served: {standing.reason}", hint="`make status` tells more")
        return standing.serving
