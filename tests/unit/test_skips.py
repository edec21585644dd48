"""In CI nothing is skipped for want of a package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CASES = {
    "program": "import pytest\ndef test_it():\n    pytest.skip('PostgreSQL is missing')\n",
    "mark": "import pytest\n@pytest.mark.skipif(True, reason='no helm')\ndef test_it(): pass\n",
    "library": "import pytest\npytest.importorskip('no_such_library')\ndef test_it(): pass\n",
    "cluster": "import pytest\ndef test_it():\n    pytest.skip('no cluster: KUBECONFIG names none')\n",
    "expected": "import pytest\n@pytest.mark.xfail(reason='known', strict=True)\ndef test_it():\n    raise AssertionError\n",
}


def outcome(folder: Path, text: str, ci: str) -> int:
    (folder / "test_case.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.skips",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        "test_case.py",
    ]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True).returncode


@pytest.mark.parametrize("case", ["program", "mark", "library"])
def test_skip__fails_in_ci_for_what_a_package_gives(tmp_path: Path, case: str) -> None:
    assert outcome(tmp_path, CASES[case], "true") != 0


@pytest.mark.parametrize("case", ["cluster", "expected"])
def test_skip__passes_in_ci_for_a_machine_that_is_not_there(tmp_path: Path, case: str) -> None:
    assert outcome(tmp_path, CASES[case], "true") == 0


def test_skip__is_a_skip_elsewhere(tmp_path: Path) -> None:
    assert outcome(tmp_path, CASES["program"], "") == 0
