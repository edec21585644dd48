"""Prometheus and Alertmanager as real processes: a breach in the database becomes an alert, and so does silence."""

import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from model_code import sql
from model_code.settings import Settings
from model_code.usecase import load_usecase
from monitoring.alert_bridge.token import token_file
from monitoring.gauges import Gauge, GaugeStore
from monitoring.prometheus import configuration
from monitoring.prometheus.programs import alertmanager_command, prometheus_command
from monitoring.yardsticks import stated
from tests.monitoring.watching import Watching, eventually, require_programs, watching

VIC = {"series": "VIC"}


def write(settings: Settings, ratio: float) -> None:
    """As a monitor run does: what the policy saw, what it compares with, and that it ran."""
    bounds = stated(load_usecase("demand_victoria", settings).spec)
    gauges = [
        Gauge("demand", "evenkeel_champion_info", 1.0, {"version": "3"}),
        Gauge("demand", "evenkeel_loss_ratio", ratio, VIC),
        *(Gauge("demand", "evenkeel_threshold", value, {"name": name}) for name, value in bounds.items()),
    ]
    engine = sql.engine(settings.sql)
    store = GaugeStore(engine)
    store.write("demand", gauges, datetime.now(UTC))
    store.record_success("demand", "monitor", datetime.now(UTC))
    engine.dispose()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Watching]:
    require_programs()
    with watching(tmp_path) as made:
        write(made.settings, ratio=1.0)
        yield made


def check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration__is_accepted_by_promtool_and_amtool(tmp_path: Path) -> None:
    require_programs()
    places = configuration.write(Settings(home=tmp_path))
    check("promtool", "check", "config", str(places.prometheus))
    check("amtool", "check-config", str(places.alertmanager))


def test_configuration__follows_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, scrape_seconds=2.5, exporter_port=1111, alertmanager_port=2222, runbooks_url="https://r/")
    places = configuration.write(settings)
    made = yaml.safe_load(places.prometheus.read_text())
    assert made["global"] == {"scrape_interval": "2500ms", "scrape_timeout": "2500ms", "evaluation_interval": "2500ms"}
    assert made["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:1111"]}]
    assert made["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:2222"]}]
    assert "https://r/monitoring/runbooks/EvenkeelDataStale.md" in places.rules.read_text()


def test_configuration__the_token_is_in_no_file_but_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    places = configuration.write(settings)
    token = token_file(settings).read_text().strip()
    assert stat.S_IMODE(token_file(settings).stat().st_mode) == 0o600
    for path in places.folder.iterdir():
        assert token not in path.read_text()
    assert str(token_file(settings)) in places.alertmanager.read_text()


def test_configuration__the_watchdog_goes_to_its_own_address_or_to_nobody(tmp_path: Path) -> None:
    require_programs()
    secret = "https://example.org/ping/secret"
    for url, receiver in (("", "nobody"), (secret, "watchdog")):
        settings = Settings(home=tmp_path, scrape_seconds=2.5, watchdog_url=url)
        path = configuration.write(settings).alertmanager
        route = yaml.safe_load(path.read_text())["route"]["routes"][0]
        assert (route["receiver"], route["repeat_interval"], route.get("continue")) == (receiver, "10s", None)
        check("amtool", "check-config", str(path))
        routed = subprocess.run(
            ["amtool", "config", "routes", "test", f"--config.file={path}", "alertname=EvenkeelWatchdog", "severity=none"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert routed.stdout.strip() == receiver
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert secret not in repr(settings)


def test_commands__are_none_where_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings(home=tmp_path)
    assert (prometheus_command(settings), alertmanager_command(settings)) == (None, None)


def test_prometheus__a_breach_reaches_the_receiver_with_its_token(running: Watching) -> None:
    eventually(lambda: running.value("evenkeel_loss_ratio") == 1.0, "a scrape")
    assert running.firing("EvenkeelLossRatioBreach") is None
    write(running.settings, ratio=3.0)
    labels = eventually(lambda: running.firing("EvenkeelLossRatioBreach"), "the alert at Alertmanager")
    assert labels == {
        "alertname": "EvenkeelLossRatioBreach",
        "usecase": "demand",
        "series": "VIC",
        "severity": "page",
        "owner": "model",
        "verdict": "rollback",
    }
    eventually(lambda: running.receiver.got("EvenkeelLossRatioBreach"), "the post")
    token = token_file(running.settings).read_text().strip()
    assert {authorization for authorization, _ in running.receiver.posts} == {f"Bearer {token}"}


@pytest.mark.full
def test_prometheus__the_watchdog_keeps_coming_until_prometheus_is_gone(running: Watching) -> None:
    outside = running.outside.posts
    eventually(lambda: len(outside) >= 2, "the watchdog, again and again")
    assert {each["labels"]["alertname"] for _, post in outside for each in post["alerts"]} == {"EvenkeelWatchdog"}
    assert not running.receiver.got("EvenkeelWatchdog")
    running.kill("prometheus")
    eventually(lambda: running.firing("EvenkeelWatchdog") is None, "Alertmanager to know no more of it")
    silent = len(outside)
    running.start_prometheus()
    eventually(lambda: len(outside) > silent, "its return")


@pytest.mark.full
def test_prometheus__an_exporter_that_dies_is_an_alert_and_its_restart_leaves_no_gap_of_meaning(running: Watching) -> None:
    write(running.settings, ratio=3.0)
    eventually(lambda: running.firing("EvenkeelLossRatioBreach"), "the breach")
    success = running.value("evenkeel_flow_last_success_timestamp_seconds")
    running.kill("exporter")
    assert eventually(lambda: running.firing("EvenkeelExporterDown"), "the alert")["job"] == "evenkeel-exporter"
    running.start_exporter()
    eventually(lambda: running.receiver.got("EvenkeelExporterDown", "resolved"), "its end")
    assert running.value("evenkeel_loss_ratio") == 3.0
    assert running.value("evenkeel_flow_last_success_timestamp_seconds") == success
    eventually(lambda: running.firing("EvenkeelLossRatioBreach"), "the breach, again or still")


@pytest.mark.parametrize("part", ["alertmanager", "prometheus"])
def test_prometheus__a_breach_while_a_part_is_down_is_told_once_it_is_back(running: Watching, part: str) -> None:
    eventually(lambda: running.value("evenkeel_loss_ratio") == 1.0, "a scrape")
    running.kill(part)
    write(running.settings, ratio=3.0)
    if part == "alertmanager":
        eventually(lambda: running.query('ALERTS{alertname="EvenkeelLossRatioBreach",alertstate="firing"}'), "the rule")
        running.start_alertmanager()
    else:
        running.start_prometheus()
    eventually(lambda: running.receiver.got("EvenkeelLossRatioBreach"), "the post")


@pytest.mark.full
def test_prometheus__what_the_monitor_no_longer_tells_is_an_alert(running: Watching) -> None:
    labels = eventually(lambda: running.firing("EvenkeelMetricMissing"), "an alert for what was never written")
    assert (labels["usecase"], labels["severity"]) == ("demand", "page")


@pytest.mark.full
@pytest.mark.timeout(300)
def test_prometheus__a_database_that_is_away_is_an_alert_while_the_last_success_stays(running: Watching) -> None:
    eventually(lambda: running.value("evenkeel_loss_ratio"), "a scrape")
    success = running.value("evenkeel_flow_last_success_timestamp_seconds")
    engine = sql.engine(running.settings.sql)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gauges RENAME TO away")
    engine.dispose()
    eventually(lambda: running.query("evenkeel_loss_ratio") == [], "no value")
    assert running.value("evenkeel_flow_last_success_timestamp_seconds") == success
    assert eventually(lambda: running.firing("EvenkeelExporterStale"), "the alert, after a minute")["severity"] == "page"
