"""The values of every chart: each key is in the schema, turned on in `ci/`, and a misspelt one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import HELM, Object, text_of
from tests.chart.test_model_service import CHALLENGER, CHART, EVERYTHING, GATEWAY, LEAST

FREE = {
    "settings",
    "annotations",
    "labels",
    "podAnnotations",
    "podLabels",
    "nodeSelector",
    "requests",
    "limits",
    "pods",
    "matchLabels",
    "nodeAffinity",  # this and what follows: Kubernetes' own objects, which Kubernetes judges
    "podAffinity",
    "podAntiAffinity",
}
SIGNED = "http://user:word@prometheus.monitoring:9090"


def keys_of(values: Any, path: str = "") -> set[str]:
    """Every path of a mapping, down to what is no mapping with fixed keys."""
    if not isinstance(values, dict) or not values:
        return {path}
    return {path} | {inner for key, value in values.items() for inner in keys_of(value, f"{path}/{key}")}


def sections(values: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where mappings with fixed keys lie, those in lists too."""
    if isinstance(values, list):
        return [found for place, each in enumerate(values) for found in sections(each, (*path, place))]
    if not isinstance(values, dict) or (path and path[-1] in FREE):
        return []
    return [path, *(found for key, value in values.items() for found in sections(value, (*path, key)))]


def misspelt(values: Any, path: tuple[str | int, ...]) -> Any:
    """The values with one key too many, there."""
    section = values
    for step in path:
        section = section[step]
    section["misspelt"] = "x"
    return values


def test_values__everything_turns_every_key_on() -> None:
    defaults, everything = (yaml.safe_load((CHART / name).read_text()) for name in ("values.yaml", "ci/everything-values.yaml"))

    assert keys_of(defaults) - keys_of(everything) == set(), "add to ci/everything-values.yaml"


def test_values__everything_differs_from_the_defaults() -> None:
    """What a template does with a key is seen only where the key says something else; a few cannot, since others need them."""
    defaults, everything = (yaml.safe_load((CHART / name).read_text()) for name in ("values.yaml", "ci/everything-values.yaml"))

    assert {key for key in defaults if defaults[key] == everything[key]} == set()


def test_values__every_key_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(yaml.safe_load((CHART / "values.yaml").read_text())) == set(schema["properties"]) - {"global"}


@pytest.mark.parametrize(
    "path", sections(yaml.safe_load(EVERYTHING.read_text())), ids=lambda path: "/".join(map(str, path)) or "top"
)
def test_schema__refuses_a_misspelt_key_in_each_section(path: tuple[str | int, ...]) -> None:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load(EVERYTHING.read_text())
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(values)) == []

    assert "misspelt" in str([error.message for error in validator.iter_errors(misspelt(values, path))])


REFUSED: list[tuple[Object, str]] = [
    ({"imag": {}}, "imag"),
    ({"keep": {"mode": "nowhere"}}, "keep"),
    ({"keep": {"claim": {"enable": True}}}, "enable"),
    ({"image": {"repository": "x", "tag": "latest"}}, "tag"),
    ({"image": {"repository": "x", "tag": ""}}, "tag"),
    ({"image": {"repository": "", "tag": "1"}}, "repository"),
    ({"image": {"repository": "x"}}, "tag"),
    ({"image": {"repository": "x", "digest": "sha256:abc"}}, "digest"),
    ({"canary": {"image": {"tag": "latest"}}}, "tag"),
    ({"canary": {"enabled": True}}, "bundle"),
    ({"canary": {"enabled": True, "bundle": "abc"}}, "bundle"),
    ({"canary": {"weight": 101}}, "weight"),
    ({"canary": {"weight": -1}}, "weight"),
    ({"canary": {"weight": 2.5}}, "weight"),
    ({"shadow": {"enabled": True}}, "bundle"),
    ({"shadow": {"weight": 1}}, "weight"),
    ({"gateway": {"enabled": True}}, "gateway/name"),
    ({"profile": "tpu"}, "profile"),
    ({"gpu": {"count": 0}}, "count"),
    ({"replicas": -1}, "replicas"),
    ({"replicas": "2"}, "replicas"),
    ({"autoscaling": {"cpu": 0}}, "cpu"),
    ({"rolling": {"maxSurge": 0, "maxUnavailable": 0}}, "rolling"),
    ({"rolling": {"maxSurge": "many"}}, "maxSurge"),
    ({"sql": {"url": "postgresql://user:password@host/name"}}, "sql"),
    ({"settings": {"SQL_URL": "postgresql://user:password@host/name"}}, "SQL_URL"),
    ({"settings": {"PROMETHEUS_URL": SIGNED}}, "settings/PROMETHEUS_URL"),
    ({"ingress": {"annotations": {"example.com/auth": SIGNED}}}, "annotations/example.com~1auth"),
    ({"metrics": {"runbooks": f"{SIGNED}/"}}, "runbooks"),
    ({"settings": {"PIN": "a" * 64}}, "PIN"),
    ({"settings": {"WORKERS": 2}}, "WORKERS"),
    ({"bundles": {"url": "/bundles"}}, "bundles"),
    ({"bundles": {"url": "s3://key:secret@bucket/bundles"}}, "bundles"),
    ({"networkPolicy": {"egress": [{"port": [5432]}]}}, "egress"),
    ({"networkPolicy": {"egress": [{"to": [{}], "ports": [{"port": 1}]}]}}, "egress"),
    ({"networkPolicy": {"judges": [{"pods": {"app": "job"}}]}}, "namespace"),
    ({"metrics": {"rules": True}}, "rules"),
    ({"metrics": {"interval": "61s"}}, "interval"),
    ({"metrics": {"interval": "2m"}}, "interval"),
    ({"podLabels": {"evenkeel.io/track": "stable"}}, "evenkeel.io/track"),
    ({"extraVolumes": [{"name": "root", "hostPath": {"path": "/"}}]}, "hostPath"),
    ({"extraVolumes": [{"name": "both", "secret": {"secretName": "x"}, "configMap": {"name": "x"}}]}, "extraVolumes/0"),
    ({"extraVolumes": [{"name": "keys", "secret": {"secretName": "x"}}]}, "extraVolumes/0/name"),
    ({"extraVolumeMounts": [{"name": "keys", "mountPath": "/elsewhere"}]}, "extraVolumeMounts/0/name"),
    ({"drainSeconds": 301}, "drainSeconds"),
    ({"usecase": "Demand Victoria"}, "usecase"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[str(change)[:60] for change, _ in REFUSED])
def test_chart__refuses_wrong_values(helm: str, change: Object, said: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)specifications of the schema.*{said}"):
        text_of(helm, CHART, LEAST | change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"canary": {"enabled": True, "bundle": CHALLENGER, "weight": 5}}, "canary.weight 5 needs gateway.enabled"),
        ({"autoscaling": {"enabled": True, "min": 5, "max": 4}}, "autoscaling.min 5 is more than autoscaling.max 4"),
        (
            {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}},
            "autoscaling needs resources.requests.cpu",
        ),
    ],
)
def test_chart__refuses_what_cannot_work_together(helm: str, change: Object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        text_of(helm, CHART, LEAST | change)


def test_chart__a_canary_without_weight_needs_no_gateway(helm: str) -> None:
    challenger = {"canary": {"enabled": True, "bundle": CHALLENGER}}

    assert "victoria-canary" in text_of(helm, CHART, LEAST | challenger)
    assert "weight: 5" in text_of(helm, CHART, LEAST | GATEWAY | {"canary": challenger["canary"] | {"weight": 5}})


def test_charts__have_no_file_that_is_not_text() -> None:
    for path in (each for each in HELM.rglob("*") if each.is_file()):
        Path(path).read_text(encoding="utf-8")
