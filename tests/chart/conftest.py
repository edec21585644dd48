"""The program `helm`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


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
