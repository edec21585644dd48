"""The exporter as a real process, scraped over HTTP; promtool has a look where it is installed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from model_code import sql
from model_code.ledger import Entry, Ledger
from model_code.metrics import CATALOGUE
from model_code.metrics.labels import LABELS
from monitoring.gauges import Gauge, GaugeStore
from monitoring.stored_metrics import StoredMetrics

NOW = datetime(2024, 7, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'evenkeel.db'}"
    engine = sql.engine(url)
    gauges = GaugeStore(engine)
    gauges.write("demand", [Gauge("demand", "evenkeel_loss_ratio", 1.25, {"series": "VIC"})], NOW)
    gauges.record_success("demand", "monitor", NOW)
    for action in ("promote", "rollback", "rollback"):
        entry = Entry(
            intent=f"{action}-{os.urandom(4).hex()}",
            phase="intent",
            usecase="demand",
            action=action,
            actor="t",
            reason="r",
            at=NOW,
        )
        Ledger(engine).append(entry)
        Ledger(engine).append(entry.model_copy(update={"phase": "done"}))
    engine.dispose()
    return url


def environment(url: str, port: int) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "EVENKEEL_SQL_URL": url, "EVENKEEL_EXPORTER_PORT": str(port)}


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def exporter(database: str, port: int, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "monitoring.exporter"]
    process = subprocess.Popen(command, env=environment(database, port), cwd=tmp_path)
    yield process
    process.kill()
    process.wait()


def scrape(port: int) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
            answer.raise_for_status()
            return answer.text
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the exporter did not come up"
            time.sleep(0.1)


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_exporter__serves_what_the_database_holds_and_stops_on_sigterm(exporter: subprocess.Popen[bytes], port: int) -> None:
    text = scrape(port)
    found = samples(text)
    assert found["evenkeel_loss_ratio", ("VIC", "demand")] == 1.25
    assert found["evenkeel_actions_total", ("demand", "rollback")] == 2
    assert found["evenkeel_actions_total", ("demand", "promote")] == 1
    assert found["evenkeel_flow_last_success_timestamp_seconds", ("demand", "monitor")] == NOW.timestamp()
    assert found["evenkeel_exporter_last_read_timestamp_seconds", ()] > NOW.timestamp()
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    exporter.send_signal(signal.SIGTERM)
    assert exporter.wait(timeout=20) == 0


def test_exporter__a_taken_port_is_told_with_its_setting(database: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = environment(database, taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "monitoring.exporter"], env=settings, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert "EVENKEEL_EXPORTER_PORT" in ended.stderr


def test_exporter__every_metric_of_the_catalogue_is_served(database: str) -> None:
    registry = CollectorRegistry()
    registry.register(StoredMetrics(sql.engine(database)))
    text = generate_latest(registry).decode()
    missing = [
        metric.name for metric in CATALOGUE if metric.source not in ("service", "bridge") and f"# HELP {metric.name} " not in text
    ]
    assert missing == []


def served(collector: StoredMetrics) -> dict[tuple[str, tuple[str, ...]], float]:
    registry = CollectorRegistry()
    registry.register(collector)
    return samples(generate_latest(registry).decode())


def test_exporter__a_database_that_fails_leaves_the_last_read_and_the_last_successes(database: str) -> None:
    moments = iter([100.0, 200.0])
    engine = sql.engine(database)
    collector = StoredMetrics(engine, clock=lambda: next(moments))
    registry = CollectorRegistry()
    registry.register(collector)
    assert "evenkeel_loss_ratio" in generate_latest(registry).decode()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE gauges")
    text = generate_latest(registry).decode()
    assert samples(text) == {
        ("evenkeel_exporter_last_read_timestamp_seconds", ()): 100.0,
        ("evenkeel_flow_last_success_timestamp_seconds", ("demand", "monitor")): NOW.timestamp(),
    }


def test_exporter__whose_tables_are_gone_goes_on_until_somebody_puts_them_back(engine: sa.Engine) -> None:
    GaugeStore(engine).record_success("demand", "monitor", NOW)
    registry = CollectorRegistry()
    registry.register(StoredMetrics(engine, clock=lambda: 100.0))
    before = samples(generate_latest(registry).decode())
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gauges RENAME TO elsewhere")

    away = samples(generate_latest(registry).decode())
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO gauges")

    assert away == {
        ("evenkeel_exporter_last_read_timestamp_seconds", ()): 100.0,
        ("evenkeel_flow_last_success_timestamp_seconds", ("demand", "monitor")): NOW.timestamp(),
    }
    assert samples(generate_latest(registry).decode()) == before


def test_exporter__comes_up_before_its_database(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.write_text("in the way")
    collector = StoredMetrics(f"sqlite:///{folder / 'evenkeel.db'}", clock=lambda: 100.0)
    assert served(collector) == {("evenkeel_exporter_last_read_timestamp_seconds", ()): 0.0}
    folder.unlink()
    assert served(collector)["evenkeel_exporter_last_read_timestamp_seconds", ()] == 100.0


def test_exporter__tells_when_each_metric_was_written(database: str) -> None:
    found = served(StoredMetrics(sql.engine(database)))
    assert found["evenkeel_metric_written_timestamp_seconds", ("demand", "evenkeel_loss_ratio")] == NOW.timestamp()


def test_exporter__counts_actions_that_were_begun_and_not_ended(database: str) -> None:
    assert served(StoredMetrics(sql.engine(database)))["evenkeel_open_intents", ("demand",)] == 0
    entry = Entry(intent="half", phase="intent", usecase="demand", action="rollback", actor="t", reason="r", at=NOW)
    ledger = Ledger(sql.engine(database))
    ledger.append(entry)
    assert served(StoredMetrics(sql.engine(database)))["evenkeel_open_intents", ("demand",)] == 1
    ledger.append(entry.model_copy(update={"phase": "void"}))
    assert served(StoredMetrics(sql.engine(database)))["evenkeel_open_intents", ("demand",)] == 0


def test_exporter__leaves_out_series_beyond_the_bound_and_says_how_many(database: str) -> None:
    most = LABELS["series"].most
    gauges = [Gauge("demand", "evenkeel_bias", 1.0, {"series": f"zone{number:04}"}) for number in range(most + 3)]
    GaugeStore(sql.engine(database)).write("demand", gauges, NOW)
    found = served(StoredMetrics(sql.engine(database)))
    assert sum(name == "evenkeel_bias" for name, _ in found) == most
    assert found["evenkeel_exporter_dropped_series", ()] == 3
