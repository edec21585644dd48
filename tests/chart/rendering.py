"""What a chart renders: helm's own answer as objects, and what lies inside of them."""

import functools
import subprocess
from pathlib import Path
from typing import Any

import yaml

HELM = Path(__file__).parents[2] / "helm"
RELEASE, NAMESPACE = "victoria", "models"
Object = dict[str, Any]


def text_of(helm: str, chart: Path, values: Object | Path, *options: str) -> str:
    """What `helm template` prints.

    Raises:
        ValueError: It refuses; what it says.
    """
    return _rendered(helm, chart, values.read_text() if isinstance(values, Path) else yaml.safe_dump(values), options)


def objects_of(helm: str, chart: Path, values: Object | Path, *options: str) -> dict[tuple[str, str], Object]:
    """(kind, name) -> object."""
    found = [each for each in yaml.safe_load_all(text_of(helm, chart, values, *options)) if each]
    named = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(named) == len(found), "two objects of a kind have one name"
    return named


def pod_of(deployment: Object) -> Object:
    """The spec of its pods."""
    spec: Object = deployment["spec"]["template"]["spec"]
    return spec


def pods_of(objects: dict[tuple[str, str], Object]) -> dict[str, Object]:
    """Name -> metadata and spec of every pod that a chart makes."""
    made = {
        name: each["spec"]["template"] for (kind, name), each in objects.items() if kind in ("Deployment", "StatefulSet", "Job")
    }
    return made | {name: each for (kind, name), each in objects.items() if kind == "Pod"}


def environment(deployment: Object) -> dict[str, Any]:
    """Name -> value, or where it comes from."""
    given = pod_of(deployment)["containers"][0]["env"]
    assert len({each["name"] for each in given}) == len(given), "a server refuses a name that is given twice"
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in given}


@functools.cache
def _rendered(helm: str, chart: Path, given: str, options: tuple[str, ...]) -> str:
    command = [helm, "template", RELEASE, str(chart), "--namespace", NAMESPACE, "--values", "-", *options]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout
