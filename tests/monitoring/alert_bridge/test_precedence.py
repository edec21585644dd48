"""Who goes first, the monitor's own verdict or the alert."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from model_code.ledger import Entry, Ledger
from monitoring import judgement
from monitoring.alert_bridge import precedence as precedence_module
from monitoring.alert_bridge.precedence import HEAD_START, SETTLED, precedence
from tests.monitoring.alert_bridge.bridge import NOON


def entry(action: str, phase: str, at: datetime, verdict: str = "", scope: tuple[str, ...] = ()) -> Entry:
    evidence: dict[str, Any] = {"verdict": {"action": verdict}} if verdict else {}
    return Entry.model_validate(
        {"phase": phase, "usecase": "demand", "action": action, "actor": "t", "reason": "", "scope": scope, "evidence": evidence,
         "at": at, "recorded_at": at}
    )  # fmt: skip


SECOND = timedelta(seconds=1)
CASES: dict[str, tuple[list[Entry], str]] = {
    "nothing happened": ([], "go"),
    "a verdict to hold": ([entry("verdict", "note", NOON - SECOND, "hold")], "go"),
    "a verdict that acts": ([entry("verdict", "note", NOON - SECOND, "rollback")], "wait"),
    "a verdict that nobody followed": ([entry("verdict", "note", NOON - HEAD_START - SECOND, "rollback")], "go"),
    "an action under way": (
        [entry("verdict", "note", NOON - SECOND, "rollback"), entry("rollback", "intent", NOON)],
        "wait",
    ),
    "an action that was done": (
        [entry("verdict", "note", NOON - SECOND, "rollback"), entry("rollback", "done", NOON)],
        "dealt with",
    ),
    "a retrain that kept the champion": ([entry("retrain", "note", NOON - SECOND)], "dealt with"),
    "an action some time ago": ([entry("rollback", "done", NOON - SETTLED)], "go"),
    "a release by a person": ([entry("promote", "done", NOON - SECOND)], "go"),
}


@pytest.mark.parametrize(("entries", "told"), CASES.values(), ids=CASES)
def test_precedence__follows_the_ledger(engine: sa.Engine, entries: list[Entry], told: str) -> None:
    ledger = Ledger(engine)
    for each in entries:
        ledger.append(each)

    assert {precedence(engine, "demand", NOON, series) for series in (None, "VIC")} == {told}
    assert precedence(engine, "another", NOON) == "go"


@pytest.mark.parametrize(("series", "told"), [("VIC", "dealt with"), ("NSW", "go"), (None, "go")])
def test_precedence__an_action_for_some_settles_alerts_about_them_alone(engine: sa.Engine, series: str | None, told: str) -> None:
    """Nobody waits for the verdict that the action carried out."""
    ledger = Ledger(engine)
    ledger.append(entry("verdict", "note", NOON - 2 * SECOND, "rollback", ("VIC",)))
    ledger.append(entry("rollback", "done", NOON - SECOND, scope=("VIC",)))

    assert precedence(engine, "demand", NOON, series) == told


def test_precedence__waits_for_a_verdict_after_an_action_for_others(engine: sa.Engine) -> None:
    ledger = Ledger(engine)
    ledger.append(entry("rollback", "done", NOON - 2 * SECOND, scope=("VIC",)))
    ledger.append(entry("verdict", "note", NOON - SECOND, "rollback", ("NSW",)))

    assert precedence(engine, "demand", NOON, "NSW") == "wait"


def test_precedence__knows_a_verdict_by_the_monitors_word() -> None:
    assert precedence_module.VERDICT == judgement.VERDICT
