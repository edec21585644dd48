"""What runs on a cluster return is kept where another process finds it: a bucket, or a folder that all of them mount."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cluster.registration import register
from flows.results import ResultsBucket
from model_code.errors import BundleUnavailable
from model_code.settings import Settings
from tests.object_stores import s3_server

ANSWER = {"version": "3", "losses": [1.5, 2.5]}
READ = """
import sys
from prefect.client.orchestration import get_client
import flows.results
with get_client(sync_client=True) as client:
    print(__import__("json").dumps(client.read_flow_run(sys.argv[1]).state.result()))
"""


@flow(persist_result=True, result_serializer="json")
def answer() -> dict[str, object]:
    return dict(ANSWER)


@pytest.fixture
def server(prefect_api: str) -> Iterator[str]:
    """A Prefect server that keeps no place for results afterwards."""
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        yield prefect_api
        asyncio.run(_forget())


async def _forget() -> None:
    async with get_client() as client:
        await client.clear_server_default_result_storage()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with s3_server() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield


def registered(url: str, folder: Path) -> None:
    """Tell the server where results go, and nothing else."""
    (folder / "prefect.yaml").write_text("deployments: []\n")
    register(Settings(job_image="x:1", results_url=url), folder / "prefect.yaml")


def read_elsewhere(run: UUID, home: Path, api: str) -> object:
    """What a process with nothing but the server's address reads of a run."""
    environment = os.environ | {"PREFECT_HOME": str(home), "PREFECT_API_URL": api}
    command = [sys.executable, "-c", READ, str(run)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("url", ["s3://observations/results", "folder"])
def test_result__is_read_by_a_process_that_has_none_of_the_runs_folders(url: str, server: str, s3: None, tmp_path: Path) -> None:
    registered(str(tmp_path / "mounted") if url == "folder" else url, tmp_path)
    run = answer(return_state=True).state_details.flow_run_id
    assert run is not None

    assert read_elsewhere(run, tmp_path / "elsewhere", server) == ANSWER
    assert (tmp_path / "mounted").exists() == (url == "folder")


def test_bucket__that_is_missing_is_told_with_its_setting(s3: None) -> None:
    with pytest.raises(BundleUnavailable, match=r"s3://nowhere/results.*EVENKEEL_RESULTS_URL"):
        ResultsBucket(url="s3://nowhere/results").write_path("answer", b"{}")
