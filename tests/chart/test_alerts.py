"""The chart's own alerts: accepted by promtool, firing when they should, each with a runbook, on metrics that exist."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_code.metrics import BY_NAME
from model_code.metrics.promql import SERVICE_JOB
from tests.chart.rendering import Object, objects_of
from tests.chart.test_model_service import CHART, LEAST
from tests.conftest import missing

RULES = {"metrics": {"rules": "always", "serviceMonitor": "always", "canaryHours": 2}}
SECTIONS = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]


@pytest.fixture(scope="module")
def objects(helm: str) -> dict[tuple[str, str], Object]:
    return objects_of(helm, CHART, LEAST | RULES)


@pytest.fixture(scope="module")
def rules(objects: dict[tuple[str, str], Object]) -> list[Object]:
    found: list[Object] = objects["PrometheusRule", "victoria"]["spec"]["groups"][0]["rules"]
    return found


def series(service: str, track: str, values: str, pod: int = 0) -> list[dict[str, str]]:
    """What Prometheus has of a pod, by the minute: whether it could be read, and whether it is ready."""
    labels = f'job="{SERVICE_JOB}", namespace="models", service="{service}", track="{track}", instance="{service}-{pod}:3000"'
    ready = f'evenkeel_service_ready{{{labels}, usecase="load"}}'
    return [{"series": f"up{{{labels}}}", "values": "1x300"}, {"series": ready, "values": values}]


def fire(folder: Path, rules: list[Object], world: list[dict[str, str]], fires: dict[str, str]) -> None:
    """Have promtool say that after four hours these alerts fire, with these texts, and no other one does."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "chart", "rules": rules}]}))
    cases = [{"eval_time": "4h", "alertname": rule["alert"], "exp_alerts": alerts(rule, fires)} for rule in rules]
    case = {"interval": "1m", "input_series": world, "alert_rule_test": cases}
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (folder / "tests.yaml").write_text(yaml.safe_dump(test))
    if not shutil.which("promtool"):
        missing("promtool (apt-get install prometheus)")
    done = subprocess.run(["promtool", "test", "rules", "tests.yaml"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts(rule: Object, fires: dict[str, str]) -> list[dict[str, Any]]:
    """As promtool expects them; `TRACK|SUMMARY` where an alert names its track."""
    if rule["alert"] not in fires:
        return []
    track, _, summary = fires[rule["alert"]].rpartition("|")
    labels = rule["labels"] | ({"track": track} if track else {})
    return [{"exp_labels": labels, "exp_annotations": {**rule["annotations"], "summary": summary}}]


def test_alerts__are_silent_while_all_is_well(rules: list[Object], tmp_path: Path) -> None:
    passing = series("victoria-canary", "canary", "_x150 1x60 _x90")
    passing[0]["values"] = passing[1]["values"]

    fire(tmp_path, rules, series("victoria", "stable", "1x300") + series("victoria", "stable", "1x300", 1) + passing, {})


def test_alerts__a_pod_that_is_not_ready_is_missing(rules: list[Object], tmp_path: Path) -> None:
    world = series("victoria", "stable", "1x300") + series("victoria", "stable", "1x100 0x200", 1)

    fire(tmp_path, rules, world, {"EvenkeelReplicasMissing": "load: 1 of 2 pods of victoria are ready in namespace models"})


def test_alerts__no_pod_at_all_is_missing_too(rules: list[Object], tmp_path: Path) -> None:
    fire(tmp_path, rules, [], {"EvenkeelReplicasMissing": "load: 0 of 2 pods of victoria are ready in namespace models"})


def test_alerts__a_canary_counts_for_no_stable_pod_and_must_not_stay(rules: list[Object], tmp_path: Path) -> None:
    world = series("victoria", "stable", "1x300") + series("victoria-canary", "canary", "1x300")
    missing_one = "load: 1 of 2 pods of victoria are ready in namespace models"
    left = "canary|load: a canary of victoria has been there for 2 hours in namespace models"

    fire(tmp_path, rules, world, {"EvenkeelReplicasMissing": missing_one, "EvenkeelChallengerLeft": left})


def test_alerts__another_release_is_none_of_theirs(rules: list[Object], tmp_path: Path) -> None:
    mine = series("victoria", "stable", "1x300") + series("victoria", "stable", "1x300", 1)

    fire(
        tmp_path, rules, mine + series("victoria-west-canary", "canary", "1x300") + series("victoria-west", "stable", "0x300"), {}
    )


def test_alerts__have_a_runbook_and_ask_for_what_is_measured(rules: list[Object], objects: dict[tuple[str, str], Object]) -> None:
    for rule in rules:
        runbook = (CHART / "runbooks" / f"{rule['alert']}.md").read_text(encoding="utf-8")
        assert rule["annotations"]["runbook_url"] == f"helm/model-service/runbooks/{rule['alert']}.md"
        assert [line for line in runbook.splitlines() if line.startswith("## ")] == SECTIONS
        assert f'job="{SERVICE_JOB}"' in rule["expr"] or "evenkeel_service_ready{" in rule["expr"]
    assert "evenkeel_service_ready" in BY_NAME
    assert {path.stem for path in (CHART / "runbooks").iterdir()} == {rule["alert"] for rule in rules}
    relabelled = objects["ServiceMonitor", "victoria"]["spec"]["endpoints"][0]["relabelings"]
    assert {"targetLabel": "job", "replacement": SERVICE_JOB} in relabelled
