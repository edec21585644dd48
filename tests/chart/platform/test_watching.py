"""What the chart `platform` hands to Prometheus' operator and to Grafana."""

import json

import yaml

from monitoring.platform_chart import FILES
from tests.chart.platform.rendered import LEAST, Objects, rendered
from tests.chart.rendering import NAMESPACE


def test_platform__objects_of_the_operator_only_where_it_is(helm: str, least: Objects) -> None:
    known = rendered(helm, LEAST, "--api-versions", "monitoring.coreos.com/v1")
    own = {kind for kind, _ in known} - {kind for kind, _ in least}

    assert own == {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}


def test_platform__the_watchdog_goes_to_its_own_address_or_to_nobody(helm: str, everything: Objects) -> None:
    bare = rendered(helm, LEAST, "--api-versions", "monitoring.coreos.com/v1")
    for objects, receiver in ((bare, "nobody"), (everything, "watchdog")):
        config = next(each["spec"] for (kind, _), each in objects.items() if kind == "AlertmanagerConfig")
        first = config["route"]["routes"][0]
        assert first["matchers"] == [{"name": "alertname", "matchType": "=", "value": "EvenkeelWatchdog"}]
        assert (first["receiver"], first["repeatInterval"]) == (receiver, first["groupInterval"])
        assert receiver in [each["name"] for each in config["receivers"]]
    posted = next(each for each in config["receivers"] if each["name"] == "watchdog")["webhookConfigs"]
    assert [each["urlSecret"] for each in posted] == [{"name": "watchdog", "key": "address"}]


def test_platform__rules_are_those_of_the_repository(everything: Objects) -> None:
    made = yaml.safe_load((FILES / "evenkeel.rules.yaml").read_text())
    carried = everything["PrometheusRule", "victoria"]["spec"]

    assert [group["name"] for group in carried["groups"]] == [group["name"] for group in made["groups"]]
    for ours, theirs in zip(made["groups"], carried["groups"], strict=True):
        for rule, found in zip(ours["rules"], theirs["rules"], strict=True):
            assert found["expr"] == rule["expr"]
            if "alert" in rule:
                assert found["labels"] == rule["labels"] | {"namespace": NAMESPACE}
                assert found["annotations"]["runbook_url"].startswith("https://example.com/evenkeel/monitoring/runbooks/")


def test_platform__monitors_give_the_jobs_that_rules_know(everything: Objects) -> None:
    rules = (FILES / "evenkeel.rules.yaml").read_text()
    for part in ("exporter", "bridge"):
        monitor = everything["ServiceMonitor", f"victoria-{part}"]["spec"]
        (job,) = (each["replacement"] for each in monitor["endpoints"][0]["relabelings"] if each["targetLabel"] == "job")
        assert f'job="{job}"' in rules
        service = everything["Service", f"victoria-{part}"]
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_platform__dashboards_are_found_by_grafanas_sidecar(everything: Objects) -> None:
    carried = {
        name: each for (kind, name), each in everything.items()
        if kind == "ConfigMap" and each["metadata"]["labels"].get("grafana_dashboard") == "1"
    }  # fmt: skip

    made = {path.stem: json.loads(path.read_text()) for path in (FILES / "dashboards").glob("*.json")}
    found = {name.removeprefix("victoria-dashboard-"): json.loads(*each["data"].values()) for name, each in carried.items()}
    assert found == made
    assert max(len(str(each["data"])) for each in carried.values()) < 900_000, "a ConfigMap takes a mebibyte"
