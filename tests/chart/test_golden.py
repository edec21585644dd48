"""Golden renders of every file of `ci/`, and what Kubernetes' own schemas say of them."""

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.golden import CHART, FOLDER, cases, rendering
from tests.chart.rendering import Object

VERSIONS = tuple(f"1.{minor}" for minor in range(31, 38))
FOREIGN = ("monitoring.coreos.com", "gateway.networking.k8s.io")  # CRDs: a real server judges them, in tests/e2e
CASES = list(cases())
NAMES = [values.stem for values, _ in CASES]


def objects(kept: Path) -> list[Object]:
    found = [each for each in yaml.safe_load_all(kept.read_text(encoding="utf-8")) if each]
    return [each for each in found if not each["apiVersion"].startswith(FOREIGN)]


@pytest.mark.parametrize(("values", "kept"), CASES, ids=NAMES)
def test_chart__renders_as_kept(helm: str, values: Path, kept: Path) -> None:
    assert rendering(helm, values) == kept.read_text(encoding="utf-8"), "look at it, then `python -m tests.chart.golden`"


def test_golden__has_no_file_of_no_values() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {kept.name for _, kept in CASES}


@pytest.mark.parametrize(("values", "kept"), CASES, ids=NAMES)
def test_chart__passes_strict_lint(helm: str, values: Path, kept: Path) -> None:
    command = [helm, "lint", "--strict", str(CHART), "--values", str(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("values", "kept"), CASES, ids=NAMES)
@pytest.mark.parametrize("version", VERSIONS)
def test_chart__meets_the_schemas_of_kubernetes(schemas: Any, version: str, values: Path, kept: Path) -> None:
    found = objects(kept)

    assert {"Deployment", "NetworkPolicy", "PodDisruptionBudget"} <= {each["kind"] for each in found}
    for each in found:
        schemas.validate(each, version, strict=True)


def test_schemas__refuse_a_misspelt_field(schemas: Any) -> None:
    [deployment, *_] = [each for each in objects(CASES[0][1]) if each["kind"] == "Deployment"]
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["template"]["spec"]["containers"][0]["resource"] = {}

    with pytest.raises(schemas.ValidationError, match="resource"):
        schemas.validate(wrong, VERSIONS[0], strict=True)
