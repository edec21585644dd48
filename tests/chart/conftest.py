"""The programs `helm` and `kubectl`, and Kubernetes' schemas."""

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.figures import Checks

CHECKS = Checks("rendered", "tests/chart/")


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Renders charts."""
    return program("helm", "helm.zst", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Renders overlays."""
    return program("kubectl", "kube.zst", tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="session")
def schemas() -> Iterator[Any]:
    """Validates an object against the schemas of a Kubernetes version; each file of schemas is read once, not for each object."""
    import kubernetes_validate  # type: ignore[import-untyped]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", functools.cache(kubernetes_validate.utils.schema_contents))
        yield kubernetes_validate


def program(name: str, packed: str, folder: Path) -> str:
    """A program: in the PATH, else the one that comes with the cluster of `TEST_SHARED`."""
    if found := shutil.which(name):
        return found
    archive = Path(os.environ.get("TEST_SHARED", "/nowhere")) / "cluster" / "bin" / packed
    if not archive.is_file():
        pytest.skip(f"no cluster: neither {name} nor a cluster that comes with it")
    subprocess.run(["zstd", "-dq", archive, "-o", folder / name], check=True)
    (folder / name).chmod(0o755)
    return str(folder / name)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the checks of this folder."""
    CHECKS.count(report)


def pytest_sessionfinish() -> None:
    """Their number is a figure of the README's table."""
    CHECKS.tell()
