"""The chart `model-service`: what it renders, and what it refuses to."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "helm" / "model-service"
EVERYTHING = CHART / "ci" / "everything-values.yaml"
LEAST = {
    "image": {"repository": "evenkeel-load", "tag": "abc"},
    "usecase": "load",
    "keys": {"secret": "keys", "key": "keys"},
    "sql": {"secret": "database", "key": "url"},
}


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program: in the PATH, else the one that comes with the cluster of `TEST_SHARED`."""
    packed = Path(os.environ.get("TEST_SHARED", "/nowhere")) / "cluster" / "bin" / "helm.zst"
    if found := shutil.which("helm"):
        return found
    if not packed.is_file():
        pytest.skip("no cluster: neither helm nor a cluster that comes with it")
    target = tmp_path_factory.mktemp("helm") / "helm"
    subprocess.run(["zstd", "-dq", packed, "-o", target], check=True)
    target.chmod(0o755)
    return str(target)


def rendered(helm: str, values: dict[str, Any] | Path, *options: str) -> dict[str, dict[str, Any]]:
    """Kind -> object; the pod is the test's."""
    given = values.read_text() if isinstance(values, Path) else yaml.safe_dump(values)
    command = [helm, "template", "victoria", str(CHART), "--namespace", "models", "--values", "-", *options]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout) if each}


def container(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container(objects)["env"]}


def keys_of(values: Any, path: str = "") -> set[str]:
    """Every path of a mapping, down to what is no mapping with fixed keys."""
    if not isinstance(values, dict) or not values:
        return {path}
    return {path} | {inner for key, value in values.items() for inner in keys_of(value, f"{path}/{key}")}


def test_chart__passes_lint(helm: str) -> None:
    done = subprocess.run([helm, "lint", "--strict", CHART, "--values", EVERYTHING], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_chart__everything_turns_every_key_on() -> None:
    defaults, everything = (yaml.safe_load((CHART / name).read_text()) for name in ("values.yaml", "ci/everything-values.yaml"))

    missing = keys_of(defaults) - keys_of(everything)
    assert missing == set(), "add to ci/everything-values.yaml"


def test_chart__every_key_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(yaml.safe_load((CHART / "values.yaml").read_text())) == set(schema["properties"]) - {"global"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"imag": {}}, "imag"),
        ({"keep": {"mode": "nowhere"}}, "keep"),
        ({"keep": {"claim": {"enable": True}}}, "enable"),
        ({"image": {"repository": "x", "tag": "latest"}}, "tag"),
        ({"image": {"repository": "x", "tag": ""}}, "tag"),
        ({"sql": {"url": "postgresql://user:password@host/name"}}, "sql"),
        ({"settings": {"SQL_URL": "postgresql://user:password@host/name"}}, "SQL_URL"),
        ({"bundles": {"url": "/bundles"}}, "bundles"),
        ({"networkPolicy": {"egress": [{"port": [5432]}]}}, "egress"),
    ],
)
def test_chart__refuses_wrong_values(helm: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)specifications of the schema.*{said}"):
        rendered(helm, LEAST | change)


@pytest.mark.parametrize("values", [LEAST, EVERYTHING], ids=["least", "everything"])
def test_chart__pods_meet_the_restricted_level(helm: str, values: dict[str, Any] | Path) -> None:
    objects = rendered(helm, values)

    for spec in (objects["Deployment"]["spec"]["template"]["spec"], objects["Pod"]["spec"]):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert spec["containers"][0]["securityContext"] == closed
        assert spec["containers"][0]["resources"]["limits"]["memory"]


def test_chart__secrets_are_only_referred_to(helm: str) -> None:
    objects = rendered(helm, EVERYTHING)

    assert "Secret" not in objects
    assert environment(objects)["EVENKEEL_SQL_URL"] == {"secretKeyRef": {"name": "database", "key": "address"}}
    assert environment(objects)["EVENKEEL_KEYS_FILE"] == "/secrets/keys/file"


def test_chart__settings_are_those_of_the_service(helm: str) -> None:
    """The service refuses a misspelt setting, so the chart must not have one."""
    from model_code.settings import Settings

    known = {f"EVENKEEL_{name.upper()}" for name in Settings.model_fields}

    assert {name for name in environment(rendered(helm, EVERYTHING)) if name.startswith("EVENKEEL_")} <= known


def test_chart__the_grace_period_covers_the_drain(helm: str) -> None:
    objects = rendered(helm, LEAST | {"drainSeconds": 30})

    assert environment(objects)["EVENKEEL_DRAIN_SECONDS"] == "30"
    assert objects["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 30 + 45


@pytest.mark.parametrize(
    ("keep", "volume"),
    [
        ({}, "emptyDir"),
        ({"claim": {"enabled": True}}, "persistentVolumeClaim"),
        ({"mode": "store", "claim": {"enabled": True}}, None),
    ],
)
def test_chart__the_spool_lies_where_the_mode_says(helm: str, keep: dict[str, Any], volume: str | None) -> None:
    objects = rendered(helm, LEAST | {"keep": keep})

    spool = [each for each in objects["Deployment"]["spec"]["template"]["spec"]["volumes"] if each["name"] == "spool"]
    assert [set(each) - {"name"} for each in spool] == ([{volume}] if volume else [])
    assert ("PersistentVolumeClaim" in objects) == (volume == "persistentVolumeClaim")
    assert ("EVENKEEL_SPOOL_FOLDER" in environment(objects)) == (volume is not None)


def test_chart__policy_denies_what_is_not_listed(helm: str) -> None:
    policy = rendered(helm, LEAST)["NetworkPolicy"]["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53]
    assert all(rule.get("from") for rule in policy["ingress"])
    assert "NetworkPolicy" not in rendered(helm, LEAST | {"networkPolicy": {"enabled": False}})


def test_chart__the_ingress_shows_only_what_asks_for_a_key(helm: str) -> None:
    objects = rendered(helm, LEAST | {"ingress": {"enabled": True, "host": "load.example.com"}})

    paths = [path["path"] for path in objects["Ingress"]["spec"]["rules"][0]["http"]["paths"]]
    assert not [path for path in paths if re.match(r"/$|/metrics|/docs|/livez", path)]
    assert "Ingress" not in rendered(helm, LEAST)


def test_chart__tells_what_an_image_carries(helm: str) -> None:
    deployment = rendered(helm, EVERYTHING)["Deployment"]

    for metadata in (deployment["metadata"], deployment["spec"]["template"]["metadata"]):
        assert metadata["annotations"]["evenkeel.dev/model-version"] == "3"
        assert re.fullmatch("[0-9a-f]{64}", metadata["annotations"]["evenkeel.dev/bundle"])
