"""Log lines: one JSON object each, with what they belong to; no secrets; in Prefect's processes too."""

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_code import logs

ROOT = Path(__file__).parents[2]
LOG = logging.getLogger("evenkeel.test")
SECRET = "a-key-that-nobody-may-see"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_configure__json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")

    LOG.info("first\nsecond %s", "ü")
    LOG.debug("not asked for")

    (line,) = lines(capsys)
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "evenkeel.test", "first\nsecond ü")
    assert line["time"].endswith("+00:00")


def test_configure__json_keeps_a_traceback_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")

    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("it failed")

    (line,) = lines(capsys)
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("ValueError: broken")


def test_configure__text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")

    with logs.bound(usecase="demand"):
        LOG.warning("it is late")

    assert capsys.readouterr().err.rstrip().endswith("WARNING evenkeel.test it is late [usecase=demand]")


def test_bound__tells_only_within_its_block_and_thread(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.identify(usecase="demand", version="3")

    with logs.bound(request_id="r1", version="4"):
        LOG.info("within")
        other = threading.Thread(target=lambda: LOG.info("elsewhere"))
        other.start()
        other.join()
    LOG.info("after")

    told = [{name: line.get(name) for name in ("usecase", "version", "request_id")} for line in lines(capsys)]
    assert told == [
        {"usecase": "demand", "version": "4", "request_id": "r1"},
        {"usecase": "demand", "version": "3", "request_id": None},
        {"usecase": "demand", "version": "3", "request_id": None},
    ]


def test_ask__tells_what_the_source_says_then_unless_something_else_is_bound(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_sources", [])
    logs.configure("json")
    told: dict[str, str] = {}
    logs.ask(lambda: told)

    LOG.info("nothing yet")
    told["run_id"] = "r1"
    LOG.info("now")
    with logs.bound(run_id="r2"):
        LOG.info("bound")

    assert [line.get("run_id") for line in lines(capsys)] == [None, "r1", "r2"]


def test_lines__take_what_a_record_brings(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")

    LOG.info("a run", extra={"flow_run_id": "f1", "flow_name": "monitor", "request_id": "r2"})

    (line,) = lines(capsys)
    assert (line["run_id"], line["flow"], line["request_id"]) == ("f1", "monitor", "r2")


@pytest.mark.parametrize("form", ["json", "text"])
def test_lines__hold_no_secrets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: logs.Form) -> None:
    monkeypatch.setenv("EVENKEEL_EIA_API_KEY", SECRET)
    monkeypatch.setenv("EVENKEEL_NOTIFY_URLS", "slack://one/hook json://two/hook")
    logs.hide("made-at-run-time")
    logs.configure(form)

    try:
        raise ValueError(f"asked with {SECRET}")
    except ValueError:
        LOG.exception("json://two/hook said no; made-at-run-time; postgresql://me:opensesame@host/db")

    told = capsys.readouterr().err
    assert [word for word in (SECRET, "two/hook", "made-at-run-time", "opensesame") if word in told] == []
    assert "@host/db" in told


def test_bound__of_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="usecas"), logs.bound(usecas="demand"):
        pass


def test_prefect__writes_the_same_json_with_its_run(tmp_path: Path) -> None:
    program = (
        "from prefect.logging.configuration import setup_logging\n"
        "from prefect.logging.loggers import get_logger\n"
        "setup_logging()\n"
        "get_logger('prefect.worker.test').info('polls', extra={'flow_run_id': 'f1'})\n"
        "import logging; logging.getLogger('evenkeel.x').warning('[bold]late[/bold] ' + 'x' * 500)\n"
    )
    environment = {**os.environ, **logs.PREFECT_AS_JSON, "PREFECT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    first, second = [json.loads(line) for line in done.stderr.splitlines()]
    assert (first["logger"], first["message"], first["run_id"]) == ("prefect.worker.test", "polls", "f1")
    assert second["message"].startswith("[bold]late[/bold] xxx")
