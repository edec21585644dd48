import os
import signal
import socket
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
import sqlalchemy as sa

from model_code import sql
from model_code.errors import ConfigurationError, StoreError
from model_code.ledger import Entry, Ledger
from model_code.pointer import Pointers
from model_code.predictions import PredictionStore

AT = datetime(2014, 7, 1, tzinfo=UTC)


def open_and_write(url, barrier, position):
    barrier.wait()
    engine = sql.engine(url)
    PredictionStore(engine)
    Pointers(engine).move("demand", f"bundle{position}", None)
    Ledger(engine).append(Entry(phase="note", usecase="demand", action="hold", actor="test", reason=str(position), at=AT))


def hold_and_die(url, held):
    with sql.exclusive(sql.engine(url), "move"):
        held.set()
        os.kill(os.getpid(), signal.SIGKILL)


def test_engine__many_programs_may_start_at_once_on_an_empty_database(sql_url, programs):
    barrier = programs.Barrier(4)
    starting = [programs.Process(target=open_and_write, args=(sql_url, barrier, i)) for i in range(4)]
    for program in starting:
        program.start()
    for program in starting:
        program.join(60)
    assert [program.exitcode for program in starting] == [0] * 4
    engine = sql.engine(sql_url)
    assert Pointers(engine).get("demand").generation == 4
    assert sorted(entry.reason for entry in Ledger(engine).entries()) == ["0", "1", "2", "3"]
    engine.dispose()


def test_engine__server_that_takes_a_connection_and_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/load"
        with pytest.raises(StoreError, match="timeout"):
            sql.engine(url)


def test_exclusive__is_freed_when_its_owner_is_killed(sql_url, programs):
    held = programs.Event()
    owner = programs.Process(target=hold_and_die, args=(sql_url, held))
    owner.start()
    assert held.wait(60)
    owner.join(60)
    assert owner.exitcode == -signal.SIGKILL
    engine = sql.engine(sql_url)
    with sql.exclusive(engine, "move", timeout=20):
        pass
    engine.dispose()


def test_exclusive__refuses_a_second_owner_and_lets_other_names_pass(engine):
    with sql.exclusive(engine, "move"):
        with sql.exclusive(engine, "other", timeout=0.05):
            pass
        with pytest.raises(sql.Locked, match="move is locked"), sql.exclusive(engine, "move", timeout=0.05):
            pass
    with sql.exclusive(engine, "move", timeout=0.05):
        pass


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_engine__refuses_other_databases(url):
    with pytest.raises(ConfigurationError, match=r"SQL URL|database"):
        sql.engine(url)


def test_engine__says_where_a_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/state\.db"):
        sql.engine(f"sqlite:///{tmp_path / 'file' / 'state.db'}")


def test_engine__says_what_is_no_database(tmp_path):
    (tmp_path / "state.db").write_text("this is a text, and a long enough one to be read as a header" * 20)
    with pytest.raises(StoreError, match=r"state\.db.*not a database"):
        sql.engine(f"sqlite:///{tmp_path / 'state.db'}")


def test_engine__hides_the_password_of_a_server_that_is_down():
    with pytest.raises(StoreError) as caught:
        sql.engine("postgresql://someone:secret@127.0.0.1:9/x")
    assert "secret" not in str(caught.value)
    assert "someone" in str(caught.value)


def test_engine__sqlite_keeps_readers_and_a_writer_apart(tmp_path):
    engine = sql.engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    engine.dispose()


def test_utc_time__gives_back_the_same_moment_in_utc(engine):
    table = sa.Table(f"moment_{engine.dialect.name}", sql.metadata, sa.Column("at", sql.UtcTime), extend_existing=True)
    sql.create_table(engine, table)
    moments = [AT, AT.astimezone(timezone(timedelta(hours=10))), pd.Timestamp("2014-07-01T00:00:00.123456Z"), None]
    with sql.transaction(engine) as connection:
        connection.execute(sa.insert(table), [{"at": moment} for moment in moments])
        found = list(connection.execute(sa.select(table.c.at)).scalars())
    assert found == moments
    assert all(moment.tzinfo is UTC or moment.utcoffset() == timedelta(0) for moment in found if moment is not None)


def test_utc_time__refuses_a_time_without_zone(engine):
    with pytest.raises(sa.exc.StatementError, match="no time zone"), sql.transaction(engine) as connection:
        connection.execute(sa.select(sa.literal(datetime(2014, 7, 1), sql.UtcTime)))
