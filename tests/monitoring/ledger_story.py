"""A small story of a use case in the ledger: two releases, an incident, a rollback and a retrain that kept the champion."""

from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from model_code.ledger import Entry, Ledger, Phase

START = datetime(2024, 7, 1, tzinfo=UTC)


def entry(day: float, action: str, phase: Phase = "done", to: str | None = None, **more: JsonValue) -> Entry:
    at = START + timedelta(days=day)
    return Entry(
        phase=phase,
        usecase="demand",
        action=action,
        actor="monitor",
        reason=f"because of day {day}",
        to_version=to,
        at=at,
        recorded_at=at,
        evidence=more,
    )


def verdict(day: float, action: str, *effects: str) -> Entry:
    calm = action == "hold" and not effects
    return entry(
        day, "verdict", "note", verdict={"action": action, "side_effects": list(effects), "reasons": ["as it is"], "calm": calm}
    )


STORY = (
    entry(0, "promote", to="1"),
    verdict(1, "hold"),
    entry(2, "promote", "intent", to="2"),
    entry(2, "promote", to="2"),
    verdict(3, "hold", "page"),
    verdict(4, "rollback"),
    entry(4, "rollback", to="1"),
    entry(4.5, "retrain", "note"),
    verdict(5, "hold"),
)


def record(ledger: Ledger, story: tuple[Entry, ...] = STORY) -> None:
    for told in story:
        ledger.append(told)
