"""Events say *look*: what is emitted when something deserves a look; the flow that it starts decides for itself."""

from typing import Any

from prefect.events import Event, emit_event

BREACH = "evenkeel.breach"
ALERT = "evenkeel.alert"  # emitted by monitoring.alert_bridge, through Prefect's HTTP API
REFRESHED = "evenkeel.data.refreshed"
PROMOTED = "evenkeel.promoted"


def usecase_resource(usecase: str) -> dict[str, str]:
    """The Prefect resource that stands for a use case."""
    return {"prefect.resource.id": f"evenkeel.usecase.{usecase}", "evenkeel.usecase": usecase}


def look(kind: str, usecase: str, at: str, **payload: Any) -> Event | None:
    """Emit one event of a use case.

    Args:
        kind: Name of the event, such as `evenkeel.breach.rollback`.
        usecase: Its name.
        at: The moment that the event speaks of, ISO 8601 (a simulation's present, not the clock).
        payload: JSON-able details for people; no flow decides by them.
    """
    return emit_event(event=kind, resource=usecase_resource(usecase), payload={"at": at, **payload})
