"""`make serve`: the champion of the installation, else the demo's, in the foreground."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from model_code.errors import ConfigurationError
from model_code.pointer import Pointers
from model_code.settings import Settings
from model_code.sql import engine
from services.serve import home_of_champion, main
from tests.conftest import free_port
from tests.services import tiny
from tests.services.conftest import installation


def promoted(home: Path, usecase: str) -> None:
    home.mkdir(parents=True)
    database = engine(Settings(home=home).sql)
    Pointers(database).move(usecase, "a" * 64, None)
    database.dispose()


def test_serve__prefers_the_installation_to_the_demo(tmp_path: Path) -> None:
    promoted(tmp_path / "demo", "load")

    assert home_of_champion("load", Settings(home=tmp_path)) == tmp_path / "demo"
    assert not (tmp_path / "evenkeel.db").exists()

    promoted(tmp_path / "other", "load")
    assert home_of_champion("load", Settings(home=tmp_path / "other")) == tmp_path / "other"


def test_serve__without_a_champion_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    promoted(tmp_path / "demo", "load")

    with pytest.raises(ConfigurationError, match="make demo"):
        home_of_champion("other", Settings(home=tmp_path))
    assert main(["--usecase", "nothing_like_this"]) == 1
    assert "no version of nothing_like_this was promoted yet" in capsys.readouterr().err


def test_serve__answers_in_the_foreground(tmp_path: Path) -> None:
    place = installation(tmp_path)
    place.pointers.move(tiny.NAME, tiny.make_bundle(place, "ridge").hash, None)
    port = free_port()
    command = [sys.executable, "-m", "services.serve", "--usecase", tiny.NAME, "--port", str(port)]
    running = subprocess.Popen(command, env=os.environ | place.settings.environment())
    try:
        while not _ready(port):
            assert running.poll() is None
            time.sleep(0.1)
        answered = httpx.post(f"http://127.0.0.1:{port}/forecast", json={})
    finally:
        running.terminate()
        running.wait(timeout=30)

    assert answered.status_code == 200, answered.text


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False
