import io
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from rich.console import Console

from model_code.ledger import Entry, Ledger
from model_code.ledger.table import main, table

AT = datetime(2014, 7, 1, tzinfo=UTC)


def entry(phase="intent", intent="i1", usecase="demand", **fields):
    given = {"action": "promote", "actor": "a person", "reason": "it is better", "at": AT} | fields
    return Entry(phase=phase, intent=intent, usecase=usecase, **given)


def test_ledger__gives_back_what_was_written(engine):
    written = entry(
        scope=("pgae", "sce"),
        from_version="1",
        to_version="2",
        from_bundle="aa",
        to_bundle="bb",
        evidence={"ratio": 1.25, "origins": [1, 2]},
        at=AT.astimezone(timezone(timedelta(hours=10))),
        recorded_at=AT + timedelta(days=1),
    )
    recorded = Ledger(engine).append(written)
    assert recorded == written.model_copy(update={"id": 1})
    assert recorded.at.utcoffset() == timedelta(0)
    assert Ledger(engine).entries() == [recorded]


def test_ledger__the_database_stamps_an_entry_without_recording_time(engine):
    recorded = Ledger(engine).append(entry())
    with engine.connect() as connection:
        now = connection.execute(sa.select(sa.func.current_timestamp(type_=sa.DateTime()))).scalar_one()
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    assert timedelta(0) <= now - recorded.recorded_at < timedelta(minutes=1)


def test_ledger__the_same_phase_of_an_intent_is_kept_once(engine):
    ledger = Ledger(engine)
    first = ledger.append(entry())
    assert ledger.append(entry(reason="another reason")) == first
    ledger.append(entry("done"))
    assert [each.phase for each in ledger.entries()] == ["intent", "done"]


def test_ledger__the_same_note_is_kept_once_and_another_is_not(engine):
    ledger = Ledger(engine)
    for reason in ("a cold day", "a cold day", "a holiday"):
        ledger.append(entry("note", "", action="hold", reason=reason))
    assert [each.reason for each in ledger.entries()] == ["a cold day", "a holiday"]


def test_ledger__intents_stay_open_until_done_or_void(engine):
    ledger = Ledger(engine)
    for intent in ("i1", "i2", "i3"):
        ledger.append(entry(intent=intent))
    ledger.append(entry("done", "i1"))
    ledger.append(entry("void", "i3"))
    ledger.append(entry(usecase="churn"))
    assert [each.intent for each in ledger.open_intents("demand")] == ["i2"]
    assert [each.usecase for each in ledger.open_intents("churn")] == ["churn"]


def test_ledger__entries_of_one_use_case(engine):
    ledger = Ledger(engine)
    ledger.append(entry())
    ledger.append(entry(usecase="churn"))
    assert [each.usecase for each in ledger.entries("churn")] == ["churn"]
    assert ledger.entries("nobody") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET reason = 'another'",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger",
    ],
)
def test_ledger__the_database_refuses_any_change(engine, statement):
    only = {"TRUNCATE": "postgresql", "INSERT": "sqlite"}.get(statement.split()[0], engine.dialect.name)
    ledger = Ledger(engine)
    before = ledger.append(entry())
    error = sa.exc.IntegrityError if only == engine.dialect.name else sa.exc.DBAPIError
    with pytest.raises(error, match="append-only" if only == engine.dialect.name else None), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert ledger.entries() == [before]


def test_entry__evidence_that_json_lacks_becomes_plain(engine):
    evidence = {"ratio": np.float64(1.5), "loss": math.nan, "worst": np.float32("inf"), "n": np.int64(3), "deep": {"at": [AT]}}
    recorded = Ledger(engine).append(entry(evidence=evidence))
    assert recorded.evidence == {"ratio": 1.5, "loss": None, "worst": None, "n": 3, "deep": {"at": ["2014-07-01T00:00:00Z"]}}


@pytest.mark.parametrize("wrong", [{"actor": ""}, {"at": datetime(2014, 7, 1)}, {"phase": "perhaps"}, {"colour": "red"}])
def test_entry__refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValidationError):
        entry(**wrong)


def test_ledger_table__shows_each_action_once_with_its_outcome(engine):
    ledger = Ledger(engine)
    ledger.append(entry(from_version="1", to_version="2"))
    ledger.append(entry("done", from_version="1", to_version="2"))
    ledger.append(entry(intent="i2", action="rollback", scope=("sce",)))
    ledger.append(entry("note", "", action="hold", reason="a cold day"))
    page = io.StringIO()
    Console(width=160, file=page).print(table(ledger.entries()))
    lines = [line for line in page.getvalue().splitlines() if "demand" in line]
    assert ["done" in lines[0], "open" in lines[1], "noted" in lines[2]] == [True] * 3
    assert "1 → 2" in lines[0]
    assert "rollback (sce)" in lines[1]
    assert len(lines) == 3


def test_ledger_command__prints_json_lines(engine, sql_url, monkeypatch, capsys):
    Ledger(engine).append(entry())
    Ledger(engine).append(entry(usecase="churn"))
    monkeypatch.setenv("EVENKEEL_SQL_URL", sql_url)
    main(["demand", "--json"])
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["usecase"], line["reason"]) for line in printed] == [("demand", "it is better")]


def test_ledger_command__says_in_words_what_is_wrong(monkeypatch):
    monkeypatch.setenv("EVENKEEL_SQL_URL", "mysql://host/name")
    with pytest.raises(SystemExit, match="no support for the database 'mysql'"):
        main([])
