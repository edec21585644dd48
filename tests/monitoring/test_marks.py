"""Marks: which entries of the ledger are worth one, where it stands and what it says."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from model_code import sql
from model_code.ledger import Ledger
from monitoring import marks
from monitoring.marks import Mark, marks_of
from tests.monitoring.ledger_story import START, entry, record


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = sql.engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    yield Ledger(made)
    made.dispose()


def test_marks__tell_releases_actions_and_incidents(ledger: Ledger) -> None:
    record(ledger)
    found = [(mark.kind, mark.action, (mark.at - START).days, mark.until) for mark in marks_of(ledger.entries("demand"))]
    assert found == [
        ("release", "promote", 0, None),
        ("release", "promote", 2, None),
        ("incident", "incident", 3, START + timedelta(days=5)),
        ("action", "rollback", 4, None),
        ("action", "retrain", 4, None),
    ]


def test_marks__a_note_that_cannot_be_read_is_an_incident(ledger: Ledger) -> None:
    record(ledger, (entry(1, "verdict", "note", verdict="hold"),))
    assert [mark.kind for mark in marks_of(ledger.entries("demand"))] == ["incident"]


def test_marks__text_is_bounded_and_harmless_in_html(ledger: Ledger) -> None:
    hostile = entry(0, "promote", to="1").model_copy(update={"reason": "<script>" * 1_000})
    record(ledger, (hostile,))
    text = marks_of(ledger.entries("demand"))[0].text
    assert "<" not in text
    assert len(text) < 10 * marks.LONGEST_TEXT


def test_marks__a_simulated_decision_stands_at_the_wall_clock_and_says_its_own_time(ledger: Ledger) -> None:
    simulated = entry(0, "promote", to="1").model_copy(update={"recorded_at": START + timedelta(days=900)})
    record(ledger, (simulated,))
    mark = marks_of(ledger.entries("demand"))[0]
    assert mark.at == START + timedelta(days=900)
    assert "decided for 2024-07-01 00:00 UTC" in mark.text


def test_marks__tags_fit_into_grafanas_databases() -> None:
    long = Mark("demand", "action", 1, "entry-1-a", "a" * 200, START, None, "told")
    assert max(len(tag) for tag in long.tags) == 100
