"""The chart `platform`: what it renders, what it refuses to, and that what it carries is what was made."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.platform_chart import FILES, wanted
from tests.chart.platform.rendered import CHART, EVERYTHING, LEAST, Objects, rendered
from tests.chart.rendering import Object, text_of
from tests.chart.test_values import keys_of, misspelt, sections

GOLDEN = Path(__file__).parents[1] / "golden" / "platform.yaml"
VERSIONS = tuple(f"1.{minor}" for minor in range(31, 38))
SIGNED = "http://user:word@prometheus.monitoring:9090"


def test_platform__passes_lint(helm: str) -> None:
    done = subprocess.run([helm, "lint", "--strict", CHART, "--values", EVERYTHING], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_platform__is_valid_for_every_kubernetes(schemas: Any, least: Objects, everything: Objects, version: str) -> None:
    checked = 0
    for each in [*least.values(), *everything.values()]:
        if "monitoring.coreos.com" not in each["apiVersion"]:
            schemas.validate(each, version, strict=True)
            checked += 1
    assert checked > 60


def test_platform__renders_as_it_did(helm: str) -> None:
    """After a wanted change: `helm template victoria helm/platform --namespace models --values helm/platform/ci/everything-values.yaml
    --set grafana.dashboards=false --set monitoring.resources=false > tests/chart/golden/platform.yaml`."""
    bare = ("--set", "grafana.dashboards=false", "--set", "monitoring.resources=false")

    assert text_of(helm, CHART, EVERYTHING, *bare) == GOLDEN.read_text()


def test_platform__carries_the_rules_and_dashboards_that_were_made() -> None:
    carried = {path: path.read_text() for path in FILES.rglob("*.*") if path.is_file()}

    assert carried == wanted(), "run python -m monitoring.platform_chart"


def test_platform__everything_turns_every_key_on() -> None:
    defaults, full = (yaml.safe_load(path.read_text()) for path in (CHART / "values.yaml", EVERYTHING))

    assert keys_of(defaults) - keys_of(full) == set(), "add to ci/everything-values.yaml"


def test_platform__every_key_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(yaml.safe_load((CHART / "values.yaml").read_text())) == set(schema["properties"]) - {"global"}


@pytest.mark.parametrize(
    "path",
    [path for path in sections(yaml.safe_load(EVERYTHING.read_text())) if path[:2] != ("models", "values") and "to" not in path],
    ids=lambda path: "/".join(map(str, path)) or "top",
)
def test_platform__refuses_a_misspelt_key_in_each_section(path: tuple[str | int, ...]) -> None:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    validator = Draft202012Validator(json.loads((CHART / "values.schema.json").read_text()))
    values = yaml.safe_load(EVERYTHING.read_text())
    assert list(validator.iter_errors(values)) == []
    if path[:1] == ("tolerations",) or (path[:1] == ("affinity",) and len(path) > 1) or (len(path) > 2 and path[-2] == "ports"):
        return  # Kubernetes' own objects, which Kubernetes judges
    assert list(validator.iter_errors(misspelt(values, path))) != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": {"repository": "x", "tag": "latest"}}, "tag"),
        ({"image": {"repository": "x", "tag": ""}}, "tag"),
        ({"image": {"repository": "x", "digest": "sha256:abc"}}, "digest"),
        ({"image": {"repository": "x@sha256:abc", "tag": "1"}}, "repository"),
        ({"secrets": {"sql": ""}}, "secrets/sql"),
        ({"secrets": {"sql": "postgresql://user:password@host/name"}}, "secrets/sql"),
        ({"prefect": {"database": {"url": "postgresql+asyncpg://user:password@host/name"}}}, "prefect/database"),
        ({"mlflow": {"database": {"secret": "mlflow"}, "allowedHosts": ["*"]}}, "allowedHosts"),
        ({"bridge": {"token": {"secret": ""}}}, "bridge/token"),
        ({"settings": {"SQL_URL": "postgresql://user:password@host/name"}}, "SQL_URL"),
        ({"settings": {"BRIDGE_TOKEN": "x"}}, "BRIDGE_TOKEN"),
        ({"settings": {"PROMETHEUS_URL": SIGNED}}, "settings/PROMETHEUS_URL"),
        ({"models": {"values": {"settings": {"PROMETHEUS_URL": SIGNED}}}}, "models/values/settings/PROMETHEUS_URL"),
        ({"models": {"values": {"networkPolicy": {"judges": [{"namespace": SIGNED}]}}}}, "judges/0/namespace"),
        ({"podAnnotations": {"example.com/home": SIGNED}}, "podAnnotations/example.com~1home"),
        ({"monitoring": {"runbooksUrl": f"{SIGNED}/"}}, "runbooksUrl"),
        ({"monitoring": {"watchdog": {"secret": "https://hc.example.com/ping"}}}, "watchdog/secret"),
        ({"grafana": {"datasource": SIGNED}}, "datasource"),
        ({"store": {"url": "/store"}}, "store/url"),
        ({"store": {"url": "s3://key:secret@bucket/store"}}, "store/url"),
        ({"runs": {"template": "flows/cluster/job.yaml"}}, "runs/template"),
        ({"podLabels": {"app.kubernetes.io/component": "flow"}}, "app.kubernetes.io/component"),
        ({"extraVolumes": [{"name": "root", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"extraVolumes": [{"name": "home", "secret": {"secretName": "x"}}]}, "extraVolumes/0/name"),
        ({"postgresql": {"enabled": True}}, "postgresql/image"),
        ({"workers": {"cpu": {"pool": "other"}}}, "workers/cpu/pool"),
        ({"networkPolicy": {"apiServer": {"cidrs": ["everywhere"]}}}, "cidrs"),
        ({"monitoring": {"resources": "maybe"}}, "monitoring/resources"),
    ],
)
def test_platform__refuses_wrong_values(helm: str, change: Object, said: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)specifications of the schema.*{said}"):
        rendered(helm, LEAST | change)


def test_platform__says_that_a_place_is_missing(helm: str) -> None:
    with pytest.raises(ValueError, match=r"store\.url is empty: name a bucket, or turn on data\.claim"):
        rendered(helm, LEAST | {"data": {}})
