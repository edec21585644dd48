"""The commands that README and docs tell callers to type, typed into a shell, at a running service."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.forecaster.batch import FileKind
from tests.conftest import missing
from tests.services import tiny
from tests.services.batch_files import packed, table
from tests.services.conftest import Served

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/serving.md", "docs/batch.md")
SERVICE = "http://127.0.0.1:3000"
# What the pages tell of Victoria's demand, in the words of the tiny use case.
OURS = {
    '"VIC"': '"north"',
    "2014-07-22T00:00:00+10:00": "2024-03-19T00:00:00+00:00",
    "/v2/models/demand_victoria/": f"/v2/models/{tiny.NAME}/",
    '"shape": [1, 24]': '"shape": [1, 2]',
    "[…]": "[50.0, 50.0]",
}


def commands(page: str) -> list[str]:
    """The `curl` commands of a page's code blocks that ask the local service."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("curl ") and SERVICE in line]


EVERY = [pytest.param(line, id=f"{page}-{number}") for page in PAGES for number, line in enumerate(commands(page))]


def test_pages__tell_how_to_ask_every_route() -> None:
    told = "\n".join(line for page in PAGES for line in commands(page))

    for route in ("/forecast", "/predict", "/batch", "/infer", "/model"):
        assert route in told
    assert len(EVERY) >= 12


@pytest.mark.parametrize("line", EVERY)
def test_command__is_answered(served: Served, tmp_path: Path, line: str) -> None:
    if shutil.which("curl") is None:
        missing("curl (apt-get install curl)")
    for theirs, ours in OURS.items():
        line = line.replace(theirs, ours)
    assert "…" not in line
    (tmp_path / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    for kind, name in ((FileKind.PARQUET, "rows.parquet"), (FileKind.CSV, "rows.csv")):
        (tmp_path / name).write_bytes(packed(table(20), kind))

    done = subprocess.run(
        ["bash", "-c", line.replace(SERVICE, served.target.url)],
        cwd=tmp_path,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    if "/batch" in line:
        assert {"value", "lower", "upper"} <= set(pq.read_table(tmp_path / "values.parquet").column_names)
    else:
        assert {"values", "value", "outputs", "columns"} & json.loads(done.stdout).keys()
