"""The rules follow from the catalogue, do what their tests say, and are complete: nothing goes wrong in silence."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from annotated_types import Le

from model_code.metrics import ALERTS, BY_NAME, CATALOGUE, Alert, Metric
from model_code.metrics.labels import LABELS
from model_code.metrics.thresholds import THRESHOLDS
from model_code.watch_settings import WatchSettings
from monitoring.grafana.boards import BOARDS
from monitoring.rules.cases import CASES
from monitoring.rules.files import RULES, cases_text, rules_text, written
from monitoring.rules.promtool import file_of, rule_tests
from monitoring.rules.ruleset import MISSING, RECORDED, missing, ruleset, runbook_names
from monitoring.rules.wording import duration, filled, template
from monitoring.rules.world import BOUNDS, healthy
from tests.conftest import missing as lacks


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    if not shutil.which("promtool"):
        lacks("promtool (apt-get install prometheus)")
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def test_rules__are_as_the_catalogue_makes_them() -> None:
    assert RULES.read_text() == rules_text(), "run: python -m monitoring.rules"


def test_rules__are_accepted_by_promtool() -> None:
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rules__fire_when_they_should_and_never_fall_silent(tmp_path: Path) -> None:
    tests = tmp_path / "tests.yaml"
    tests.write_text(cases_text())
    tested = promtool("test", "rules", str(tests))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def slowest_pace() -> int:
    bounds = WatchSettings.model_fields["scrape_seconds"].metadata
    (most,) = (bound.le for bound in bounds if isinstance(bound, Le))
    return int(str(most))


def test_rules__hold_at_the_slowest_pace_that_may_be_set(tmp_path: Path) -> None:
    pace = slowest_pace()
    rules, tests, steps = tmp_path / "rules.yaml", tmp_path / "tests.yaml", 3600 // pace
    rules.write_text(written(ruleset(pace)))
    exporter = 'job="evenkeel-exporter",instance="exporter:9464"'
    series = {
        f"up{{{exporter}}}": f"1+0x{steps}",
        # Each look at the rules comes just before the next scrape: what was read is as old as it ever is.
        f"evenkeel_exporter_last_read_timestamp_seconds{{{exporter}}}": f"{1 - pace}+{pace}x{steps}",
        'evenkeel_service_requests_total{usecase="demand",route="predict",status="500"}': f"0+{pace}x{steps}",
    }
    errors = {
        "exp_labels": {"usecase": "demand", "severity": "page", "owner": "platform"},
        "exp_annotations": {
            "summary": "demand: 100% of the requests end in an error of the service",
            "runbook_url": "monitoring/runbooks/EvenkeelErrorsHigh.md",
        },
    }
    expected = {"EvenkeelExporterStale": [], "EvenkeelErrorsHigh": [errors]}
    made = {
        "interval": f"{pace}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "58m", "alertname": name, "exp_alerts": each} for name, each in expected.items()],
    }
    tests.write_text(written(file_of(str(rules), [made]) | {"evaluation_interval": f"{pace}s"}))
    tested = promtool("test", "rules", str(tests))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_rules__the_platforms_chart_allows_no_slower_pace() -> None:
    schema = json.loads((Path(__file__).parents[2] / "helm/platform/values.schema.json").read_text())
    assert schema["properties"]["monitoring"]["properties"]["scrapeSeconds"]["maximum"] == slowest_pace()


def test_rules__a_rule_that_is_turned_around_fails_its_tests(tmp_path: Path) -> None:
    rules = ruleset()
    (group,) = (group for group in rules["groups"] if group["name"] == "evenkeel-data")
    for rule in group["rules"]:
        rule["expr"] = rule["expr"].replace(" > ", " < ", 1)
    alerts = [rule["alert"] for rule in group["rules"]]
    turned, tests = tmp_path / "turned.yaml", tmp_path / "tests.yaml"
    turned.write_text(written(rules))
    theirs = rule_tests(str(turned))["tests"]
    for test in theirs:
        test["alert_rule_test"] = [each for each in test["alert_rule_test"] if each["alertname"] in alerts]
    tests.write_text(written(file_of(str(turned), theirs)))
    tested = promtool("test", "rules", str(tests))
    assert tested.returncode != 0
    for alert in alerts:
        assert f"alertname: {alert}" in tested.stdout + tested.stderr


def test_rules__waits_follow_the_pace_of_scraping() -> None:
    slow = {rule["alert"]: rule.get("for") for group in ruleset(30)["groups"] for rule in group["rules"] if "alert" in rule}
    assert (slow["EvenkeelExporterDown"], slow["EvenkeelLossRatioBreach"]) == ("120s", None)
    assert ALERTS["EvenkeelExporterDown"].wait == "60s"


def test_rules__say_where_the_runbooks_are() -> None:
    rules = [rule for group in ruleset(runbooks="https://r/")["groups"] for rule in group["rules"] if "alert" in rule]
    assert {rule["annotations"]["runbook_url"] for rule in rules} == {
        f"https://r/monitoring/runbooks/{name}.md" for name in runbook_names()
    }


def test_alerts__each_has_a_test_in_which_it_fires() -> None:
    assert CASES.keys() == ALERTS.keys()


@pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda alert: alert.name)
def test_alerts__name_only_what_the_catalogue_knows(alert: Alert) -> None:
    recorded = {name for name in RECORDED if name in alert.expression}
    names = {name.removesuffix("_bucket") for name in re.findall(r"(?<!:)\bevenkeel_\w+", alert.expression)}
    assert names <= BY_NAME.keys()
    assert names | recorded or "up{" in alert.expression
    assert set(re.findall(r"\{(\w+)\}", alert.summary)) <= {*alert.labels, "value", "percent", "duration", "usecase"}
    assert set(alert.labels) <= {*LABELS, "job", "instance"}
    assert not alert.threshold or f'name="{alert.threshold}"' in alert.expression


def test_alerts__absence_of_what_one_is_computed_from_is_an_alert_too() -> None:
    """A comparison with nothing is silence: each gauge that a comparison needs is missed when it is away, or may be."""
    missed = {name for name, _ in missing()}
    silent = [
        metric.name
        for metric in CATALOGUE
        if metric.source in ("monitor", "report")
        and metric.alerts
        and metric.name not in missed
        and f"unless on (usecase) {metric.name}" not in "".join(alert.expression for alert in ALERTS.values())
    ]
    # Slices, Evidently's values and the estimate are not always there; an outdated report has an alert of its own.
    assert silent == [
        "evenkeel_estimated_loss_ratio",
        "evenkeel_slice_departs",
        "evenkeel_evidently_drifted_share",
        "evenkeel_evidently_missing_share",
        "evenkeel_evidently_quality_ratio",
        "evenkeel_shift_joint_ratio",
    ]


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_metrics__each_has_a_rule_or_a_panel(metric: Metric) -> None:
    rules = [rule["expr"] for group in ruleset()["groups"] for rule in group["rules"] if rule.get("alert") != MISSING]
    panels = [query.expr for board in BOARDS for row in board.rows for panel in row.panels for query in panel.queries]
    used = re.compile(rf"(?<!\w){metric.name}(_bucket|_count|_sum)?(?!\w)")
    assert any(used.search(expression) for expression in (*rules, *panels)), "nobody would ever see it"


def test_healthy_world__has_every_metric_that_is_missed_and_every_threshold() -> None:
    there = {series.metric for series in healthy()}
    assert {name for name, _ in missing()} <= there
    assert BOUNDS.keys() == THRESHOLDS.keys()


def test_wording__fills_in_what_prometheus_would() -> None:
    assert template("{usecase} {value}") == '{{ $labels.usecase }} {{ printf "%.3g" $value }}'
    assert filled("{usecase}: {percent}, {value}", {"usecase": "demand"}, 0.25) == "demand: 25%, 0.25"
    assert [duration(seconds) for seconds in (5, 65, 3600, 90061)] == ["5s", "1m 5s", "1h 0m 0s", "1d 1h 1m 1s"]


def test_rules__file_is_plain_yaml() -> None:
    assert yaml.safe_load(RULES.read_text()) == ruleset()
