"""The identity of predictions, by which a prediction that comes twice is kept once."""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache

FORECAST = "forecast"  # the route whose values are known by entity and time


def prediction_id(request_id: str, entity: str, time: datetime) -> str:
    """The identity of a forecast value: the same request asked again gives the same.

    Args:
        request_id: The request.
        entity: What the prediction is about.
        time: The time that it is about (aware).

    Example:
        >>> prediction_id("r1", "victoria", datetime(2014, 7, 1, tzinfo=UTC))
        'c7d232eb84bca8ec2e17d79099b6f24e'
    """
    text = "\n".join((request_id, entity, time.astimezone(UTC).isoformat(timespec="microseconds")))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def row_id(request_id: str, position: int, features_hash: str) -> str:
    """The identity of what was predicted for a row of given features: those may tell no entity and no time.

    The rows of a request lie side by side in this order, which costs a database less than rows at random places.

    Args:
        request_id: The request.
        position: Number of the row within it, from 0.
        features_hash: SHA-256 of its features, so that another question under a used request id is kept too.

    Example:
        >>> row_id("r1", 10, "5feceb66ffc8")
        '82f3e9c695dc6b8d0000000a5feceb66'
    """
    return f"{_request_part(request_id)}{position:08x}{features_hash[:8]}"


@lru_cache(16)
def _request_part(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()[:16]
