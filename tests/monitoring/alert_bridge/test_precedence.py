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


def entry(action: str, phase: str, at: datetime, verdict: str = "") -> Entry:
    evidence: dict[str, Any] = {"verdict": {"action": verdict}} if verdict else {}
    return Entry.model_validate(
        {"phase": phase, "usecase": "demand", "action": action, "actor": "t", "reason": "", "evidence": evidence, "at": at, "recorded_at": at}
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

    assert precedence(engine, "demand", NOON) == told
    assert precedence(engine, "another", NOON) == "go"


def test_precedence__knows_a_verdict_by_the_monitors_word() -> None:
    assert precedence_module.VERDICT == judgement.VERDICT
