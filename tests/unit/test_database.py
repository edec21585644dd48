"""Pods wait for their database, and make it where it is missing."""

import os
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from model_code import sql
from model_code.database import await_database, main
from model_code.errors import ConfigurationError, StoreError


def named(postgresql_url: str, name: str, **changed: object) -> str:
    url = sa.make_url(postgresql_url).set(database=name, **changed)  # type: ignore[arg-type]
    return url.render_as_string(hide_password=False)


def said(postgresql_url: str, words: str) -> list[str]:
    """The first column of what the server answers."""
    engine = sql.engine(postgresql_url)
    try:
        with engine.begin() as connection:
            answered = connection.execute(sa.text(words))
            return list(answered.scalars()) if answered.returns_rows else []
    finally:
        engine.dispose()


def names(postgresql_url: str) -> list[str]:
    return said(postgresql_url, "SELECT datname FROM pg_database")


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_database__that_is_missing_is_made(postgresql_url: str, driver: str) -> None:
    name = f"made by {driver}"
    url = named(postgresql_url, name, drivername=driver)

    await_database(url)
    await_database(url)  # again, with nothing left to do

    assert names(postgresql_url).count(name) == 1


def test_database__is_made_once_by_many_at_once(postgresql_url: str) -> None:
    failed: list[Exception] = []

    def wait() -> None:
        try:
            await_database(named(postgresql_url, "raced"))
        except Exception as error:  # noqa: BLE001, told by the test
            failed.append(error)

    waiting = [threading.Thread(target=wait) for _ in range(6)]
    for each in waiting:
        each.start()
    for each in waiting:
        each.join()

    assert failed == []
    assert names(postgresql_url).count("raced") == 1


def test_database__that_may_not_be_made_is_told(postgresql_url: str) -> None:
    said(postgresql_url, "CREATE ROLE guest LOGIN")

    with pytest.raises(StoreError, match=r"forbidden at 127.0.0.1 is missing and cannot be made: .*permission denied.*by hand"):
        await_database(named(postgresql_url, "forbidden", username="guest"))


def test_database__that_does_not_answer_is_waited_for_and_then_told() -> None:
    with pytest.raises(StoreError, match=r"database x at 127.0.0.1 does not answer") as raised:
        await_database("postgresql://user:hidden@127.0.0.1:1/x", patience=0)

    assert "hidden" not in str(raised.value)


def test_database__of_no_server_needs_nothing() -> None:
    await_database("sqlite:////nowhere/x.db")
    with pytest.raises(ConfigurationError, match="not an SQLAlchemy URL"):
        await_database("nonsense")


def test_main__names_variables_and_never_their_values(
    postgresql_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_URL", named(postgresql_url, "by name"))

    assert main(["A_URL"]) == 0
    assert main(["A_URL", "B_URL"]) == 1
    assert "B_URL is not set" in capsys.readouterr().err


def test_program__ends_with_a_clear_line() -> None:
    given = os.environ | {"A_URL": "nonsense"}
    done = subprocess.run(
        [sys.executable, "-m", "model_code.database", "A_URL"], env=given, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.startswith("not an SQLAlchemy URL")
