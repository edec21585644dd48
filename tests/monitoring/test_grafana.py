"""Dashboards and provisioning as files: what is committed is what is made, and it shows the whole catalogue."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as schema

from model_code.metrics import ALERTS, BY_NAME, CATALOGUE, Metric
from model_code.metrics.thresholds import THRESHOLDS
from monitoring.grafana import __main__ as program
from monitoring.grafana.boards import BOARDS
from monitoring.grafana.dashboard import DATASOURCE, NO_RUNBOOK, as_json, build
from monitoring.grafana.page import page
from monitoring.grafana.panel import Board, Panel, Query, Row, named
from monitoring.grafana.provisioning import HERE, ROOT, files
from monitoring.grafana.rest import THRESHOLDS as AS_LINES
from monitoring.grafana.rest import TITLE, with_the_rest
from monitoring.rules.ruleset import MISSING, missing, runbook_names

MADE = files()
DASHBOARDS = {name: json.loads(content) for name, content in MADE.items() if name.startswith("dashboards/")}
QUERIES = [query for board in BOARDS for panel in board.panels for query in panel.queries]


@pytest.mark.parametrize("name", MADE)
def test_files__committed_are_those_made(name: str) -> None:
    assert (HERE / name).read_text() == MADE[name], "run: python -m monitoring.grafana write"


def test_page__committed_is_the_one_made() -> None:
    assert (ROOT / "docs" / "dashboards.md").read_text() == page(BOARDS), "run: python -m monitoring.grafana write"


def test_files__nothing_else_is_committed() -> None:
    there = {str(path.relative_to(HERE)) for folder in ("dashboards", "provisioning") for path in (HERE / folder).rglob("*.*")}
    assert there == set(MADE)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards__the_schema_package_reads_them_back_unchanged(name: str) -> None:
    read = schema.Dashboard.from_json(DASHBOARDS[name])
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == DASHBOARDS[name]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards__panels_lie_beside_each_other_with_numbers_of_their_own(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("name", [f"dashboards/{board.name}.json" for board in BOARDS])
def test_dashboards__name_one_datasource_both_variables_and_three_kinds_of_marks(name: str) -> None:
    assert "${DS_" not in MADE[name]
    assert {found["uid"] for found in _found(DASHBOARDS[name], "datasource")} == {DATASOURCE, "-- Grafana --"}
    assert [variable["name"] for variable in DASHBOARDS[name]["templating"]["list"]] == [
        "usecase",
        "series",
        "prefect",
        "reports",
    ]
    marks = [each["target"]["tags"] for each in DASHBOARDS[name]["annotations"]["list"]]
    assert marks == [["evenkeel", "$usecase", kind] for kind in ("release", "action", "incident")]


def test_dashboards__every_panel_says_what_it_shows() -> None:
    for board in BOARDS:
        for panel in board.panels:
            assert panel.says.endswith((".", ":")), panel.title
            assert bool(panel.queries) != (panel.kind == "marks"), panel.title
            assert panel.width <= 24, panel.title
            assert all(metric.help in panel.description for metric in panel.metrics)


def test_boards__show_every_metric_of_the_catalogue() -> None:
    shown = {name for query in QUERIES for name in named(query.expr)}
    assert set(BY_NAME) - shown == set(), "no panel shows it"
    assert shown - set(BY_NAME) == set(), "no such metric"


def test_boards__thresholds_are_those_that_are_exported() -> None:
    wanted = {name for query in QUERIES for name in re.findall(r'evenkeel_threshold\{[^}]*name="(\w+)"', query.expr)}
    assert wanted <= set(THRESHOLDS), "not exported"
    assert all(query.limit for query in QUERIES if AS_LINES in query.expr)


def test_boards__ask_for_the_chosen_use_case_wherever_a_metric_has_one() -> None:
    for query in QUERIES:
        for metric, labels in re.findall(r"(evenkeel_\w+)(\{[^}]*\})?", query.expr):
            known = BY_NAME[named(metric)[0]].labels
            assert ("usecase" in known) == ('usecase="$usecase"' in labels), query.expr
            assert ("series" in known) == ('series=~"$series"' in labels), query.expr


def test_rest__a_metric_that_nobody_drew_gets_a_panel() -> None:
    new = Metric("evenkeel_made_up_total", "things", "Made up.", ("usecase", "kind"), "counter", "service")
    boards = with_the_rest((Board("evenkeel-serving", "S", "?", (Row("A", (Panel("B", "C.", (Query("up"),)),)),)),), (new,))
    row = boards[0].rows[-1]
    assert row.title == TITLE
    assert row.panels[0].queries[0].legend == "{{kind}}"
    assert json.loads(as_json(build(boards[0])))["panels"][-1]["title"] == "Made up"


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(MADE["provisioning/alerting/evenkeel.yaml"])["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alert_rules__are_those_of_the_catalogue_and_of_what_must_not_be_missing() -> None:
    rules = {rule["title"]: rule for rule in _rules()}
    expected = {f"{MISSING}: {metric} {name}".strip() for metric, name in missing()}
    assert set(rules) == set(ALERTS) | expected
    assert {alert.name for metric in CATALOGUE for alert in metric.alerts} == set(ALERTS)
    assert len({rule["uid"] for rule in rules.values()}) == len(rules)
    assert all(len(rule["uid"]) <= 40 for rule in rules.values()), "Grafana takes no longer ones"
    numbers = {panel["title"]: panel["id"] for panel in DASHBOARDS["dashboards/runbooks.json"]["panels"]}
    for title, rule in rules.items():
        assert rule["annotations"]["runbook_url"] == f"/d/evenkeel-runbooks?viewPanel={numbers[title.partition(':')[0]]}"


def test_alert_rules__wait_and_are_labelled_as_in_prometheus() -> None:
    for rule in (rule for rule in _rules() if rule["title"] in ALERTS):
        alert = ALERTS[rule["title"]]
        assert (rule["for"], rule["labels"]["severity"]) == (alert.wait, alert.severity)


def test_dashboards__every_runbook_is_there() -> None:
    texts = {panel["title"]: panel["options"]["content"] for panel in DASHBOARDS["dashboards/runbooks.json"]["panels"]}
    assert set(texts) == set(runbook_names())
    assert [alert for alert, text in texts.items() if text == NO_RUNBOOK] == []


def test_alert_rules__a_dollar_is_never_taken_for_a_variable_of_the_environment() -> None:
    """Grafana expands `$NAME` everywhere but in queries and annotations, where it would keep a doubled one as it is."""
    for rule in _rules():
        told = rule.pop("annotations")["summary"]
        assert "$$" not in told, rule["title"]
        assert "${" not in told, rule["title"]
        del rule["data"]
        assert "$" not in json.dumps(rule), rule["title"]
    assert "{{ $labels.usecase }}" in MADE["provisioning/alerting/evenkeel.yaml"]


def test_alert_rules__placeholders_of_the_summary_are_all_known() -> None:
    for rule in _rules():
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert label in (ALERTS[rule["title"]].labels if rule["title"] in ALERTS else ("usecase",)), rule["title"]


def test_provision__writes_the_addresses_of_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "dashboards" / "old.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    given = ["--prometheus", "http://prometheus:9090", "--prefect", "https://prefect.example.org"]
    monkeypatch.setattr(sys, "argv", ["grafana", "provision", str(tmp_path), *given])
    monkeypatch.setenv("EVENKEEL_SCRAPE_SECONDS", "1")
    program.main()
    assert not stale.exists()
    datasource = yaml.safe_load((tmp_path / "provisioning/datasources/evenkeel.yaml").read_text())["datasources"][0]
    assert (datasource["uid"], datasource["url"]) == (DATASOURCE, "http://prometheus:9090")
    assert datasource["jsonData"]["timeInterval"] == "1s"
    provider = yaml.safe_load((tmp_path / "provisioning/dashboards/evenkeel.yaml").read_text())["providers"][0]
    assert Path(provider["options"]["path"]) == tmp_path / "dashboards"
    assert '"https://prefect.example.org"' in (tmp_path / "dashboards/loop.json").read_text()


def test_provision__a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["grafana", "provision", str(tmp_path / "file")])
    with pytest.raises(SystemExit, match="file"):
        program.main()


def _found(content: Any, key: str) -> list[Any]:
    if isinstance(content, dict):
        own = [content[key]] if key in content else []
        return own + [found for value in content.values() for found in _found(value, key)]
    return [found for value in content for found in _found(value, key)] if isinstance(content, list) else []
