"""What one request, and all at once, may take of the service."""

from dataclasses import dataclass

from model_code.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Bounds that hold for each worker.

    Attributes:
        body_bytes: Largest body of a request with rows.
        rows: Most rows of a request.
        batch_bytes: Largest body of a batch.
        batch_rows: Most rows of a batch.
        at_once: Requests in work; one more is answered 503.
        forecasts_at_once: Forecasts from the store in work or waiting for a thread.
        batches_at_once: Batches in work.
        body_seconds: How long a body is waited for; of a batch, its next part, and all of it as long as it comes fast enough.
        drain_seconds: How long a service that ends goes on answering with readiness off.
    """

    body_bytes: int
    rows: int
    batch_bytes: int
    batch_rows: int
    at_once: int
    forecasts_at_once: int
    batches_at_once: int
    body_seconds: float
    drain_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The bounds that the settings name."""
        return cls(
            body_bytes=settings.max_body_bytes,
            rows=settings.max_rows,
            batch_bytes=settings.max_batch_bytes,
            batch_rows=settings.max_batch_rows,
            at_once=settings.max_concurrent,
            forecasts_at_once=settings.max_forecasts,
            batches_at_once=settings.max_batches,
            body_seconds=settings.body_seconds,
            drain_seconds=settings.drain_seconds,
        )
