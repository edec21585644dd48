"""Releases and actions as the ledger tells them."""

from datetime import UTC, datetime, timedelta

from model_code.ledger import Entry
from monitoring.releases import actions_of, releases_of

START = datetime(2024, 7, 1, tzinfo=UTC)


def entry(days: float, action: str, phase: str = "done", **fields: object) -> Entry:
    facts = {
        "phase": phase,
        "usecase": "demand",
        "action": action,
        "actor": "t",
        "reason": "r",
        "at": START + timedelta(days=days),
    }
    return Entry.model_validate({"intent": f"{action}{days}", **facts, **fields})


def test_releases_of__are_the_moves_that_were_done_oldest_first() -> None:
    entries = [
        entry(3, "rollback", from_version="2", to_version="1"),
        entry(1, "promote", to_version="1"),
        entry(2, "promote", from_version="1", to_version="2", evidence={"forced": True}),
        entry(4, "promote", "intent", to_version="3"),
        entry(5, "promote", "void", to_version="3"),
        entry(6, "retrain", "note", to_version="3"),
    ]
    releases = releases_of(entries)
    assert [(release.version, release.action, release.forced) for release in releases] == [
        ("1", "promote", False),
        ("2", "promote", True),
        ("1", "rollback", False),
    ]


def test_releases_of__a_retrain_tells_the_losses_that_it_won_by() -> None:
    told = [{"champion": 0.8, "challenger": 0.5, "told": 0}, {"champion": 0.3, "challenger": float("nan"), "told": 1}]
    entries = [
        entry(1, "promote", to_version="1", evidence={"verdict": {"better": True}}),
        entry(2, "promote", from_version="1", to_version="2", evidence={"losses": told}),
        entry(3, "rollback", from_version="2", to_version="1", evidence={"losses": told}),
    ]
    assert [[(pair.before, pair.after) for pair in release.won_on] for release in releases_of(entries)] == [[], [(0.8, 0.5)], []]


def test_actions_of__counts_what_was_done_or_noted_once() -> None:
    entries = [
        entry(2, "rollback", "intent", intent="a"),
        entry(2, "rollback", intent="a"),
        entry(1, "retrain", "note"),
        entry(3, "verdict", "note"),
        entry(4, "promote"),
        entry(5, "rollback", "void"),
        entry(6, "hold", "note"),
    ]
    assert [(action.action, (action.at - START).days) for action in actions_of(entries)] == [("retrain", 1), ("rollback", 2)]
