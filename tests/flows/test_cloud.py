"""The gcp environment against a real Prefect server and a real storage emulator: blocks, code, keys, results."""

import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL, PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from prefect.workers.process import ProcessWorker
from prefect_gcp import GcpCredentials

from flows.cloud import main, push_code, register
from flows.deployments import PREFECT_YAML, load
from flows.keys import read_key
from model_code.errors import ConfigurationError
from model_code.settings import Settings
from tests.flows import google

# Google's clients, as prefect-gcp uses them, leave their connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

DEPLOYMENTS = """
deployments:
  - name: gcp
    entrypoint: flows/greet.py:greet
    pull: {pull}
    work_pool: {pool}
"""
GREET = '''
import os
from pathlib import Path
from prefect import flow


HELLO = "Hello"


@flow(persist_result=True, result_serializer="json")
def greet(name: str = "you") -> dict:
    """Says hello, and whether it got a key."""
    return {"said": f"{HELLO}, {name}", "key": os.environ.get("EVENKEEL_EIA_API_KEY"), "at": str(Path(__file__).parent)}
'''


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with google.storage() as url:
        yield url


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with google.token_server() as url:
        yield google.write_key_file(tmp_path_factory.mktemp("key"), url)


@pytest.fixture
def cloud(storage: str, key_file: Path, prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings with a folder of the bucket for this test; the environment names emulator, key file and Prefect server."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    monkeypatch.delenv("EVENKEEL_EIA_API_KEY", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # Google's clients look for more than is asked of them
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        with get_client(sync_client=True) as client, contextlib.suppress(ObjectAlreadyExists):
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name="gcp", type="process", base_job_template=template))
        yield Settings(gcp_bucket=google.BUCKET, gcp_folder=tmp_path.name)
        gc.collect()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with one flow, deployed as prefect.yaml deploys ours; gives its prefect.yaml."""
    folder = tmp_path / "repository"
    (folder / "flows" / "__pycache__").mkdir(parents=True)
    (folder / "flows" / "__pycache__" / "old.pyc").write_bytes(b"old")
    (folder / "flows" / "greet.py").write_text(GREET)
    shutil.copy(Path(PREFECT_YAML).parent / "flows" / "keys.py", folder / "flows" / "keys.py")
    ours = next(entry for entry in load().deployments if entry.name == "gcp")
    text = DEPLOYMENTS.format(pull=json.dumps(ours.pull), pool=ours.work_pool.model_dump_json(exclude_none=True))
    (folder / "prefect.yaml").write_text(text)
    return folder / "prefect.yaml"


def blocks() -> dict[str, Any]:
    """Name -> id and data of every block."""
    with get_client(sync_client=True) as client:
        found = client.read_block_documents(include_secrets=True)
    return {f"{block.block_type.slug}/{block.name}": (block.id, block.data) for block in found if block.block_type}


def state_of(run: Any) -> State[Any]:
    """The state of a flow run, as the server knows it."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    return state


def test_prefect_yaml__has_each_flow_on_both_environments() -> None:
    entries = load().deployments
    local, gcp = ([entry for entry in entries if entry.name == name] for name in ("local", "gcp"))
    own = {"name", "pull", "path", "work_pool"}

    assert [entry.model_dump(exclude=own) for entry in gcp] == [entry.model_dump(exclude=own) for entry in local]
    assert {entry.work_pool.name for entry in local} == {"local"}
    assert {entry.work_pool.name for entry in gcp} == {"gcp"}
    assert all(entry.pull for entry in gcp)
    assert not any(entry.pull for entry in local)


def test_prefect_yaml__deploys_every_flow_there_is() -> None:
    root = Path(PREFECT_YAML).parent
    flows = {f"flows/{path.name}" for path in (root / "flows").glob("*.py") if "\n@flow(" in path.read_text()}

    assert {entry.entrypoint.partition(":")[0] for entry in load().deployments} == flows


def test_register__twice_is_as_good_as_once(
    cloud: Settings, repository: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_EIA_API_KEY", "wonderland")
    settings = cloud.model_copy(update={"eia_api_key": "wonderland"})

    assert register(settings, repository) == ["greet/gcp"]
    first, code = blocks(), google.objects(storage, f"{cloud.gcp_folder}/code/")
    assert register(settings, repository) == ["greet/gcp"]

    assert blocks() == first
    assert google.objects(storage, f"{cloud.gcp_folder}/code/") == code
    assert first["gcs-bucket/evenkeel-results"][1]["bucket_folder"] == f"{cloud.gcp_folder}/results/"
    assert first["gcp-credentials/evenkeel"][1]["project"] == "company-project"
    assert first["secret/evenkeel-eia-key"][1] == {"value": "wonderland"}


def test_push_code__takes_sources_only_into_a_folder_named_after_them(cloud: Settings, repository: Path, storage: str) -> None:
    credentials, folder = GcpCredentials(), repository.parent
    first = push_code(cloud, credentials, folder)
    names = {name.removeprefix(first.bucket_folder) for name in google.objects(storage, first.bucket_folder)}
    again = push_code(cloud, credentials, folder)
    (folder / "flows" / "greet.py").write_text(GREET.replace("Hello", "Servus"))
    changed = push_code(cloud, credentials, folder)

    assert names == {"flows/greet.py", "flows/keys.py"}
    assert first.bucket_folder == again.bucket_folder != changed.bucket_folder
    assert google.objects(storage, first.bucket_folder)[f"{first.bucket_folder}flows/greet.py"].decode() == GREET


def test_flow__keeps_its_result_as_json_in_the_bucket(cloud: Settings, repository: Path, storage: str) -> None:
    register(cloud, repository)

    @flow(persist_result=True, result_serializer="json")
    def count() -> dict[str, int]:
        """Gives what JSON can hold."""
        return {"rows": 3}

    with temporary_settings({PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: "gcs-bucket/evenkeel-results"}):
        state = count(return_state=True)

    (kept,) = google.objects(storage, f"{cloud.gcp_folder}/results/").values()
    assert json.loads(kept) == {"rows": 3}
    assert state_of(state.state_details.flow_run_id).result() == {"rows": 3}


@pytest.mark.timeout(300)
def test_worker__pulls_code_and_key_and_keeps_the_result(cloud: Settings, repository: Path, storage: str, tmp_path: Path) -> None:
    register(cloud.model_copy(update={"eia_api_key": "wonderland"}), repository)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("greet/gcp")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"name": "Alice"})
    environment = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "GOOGLE_APPLICATION_CREDENTIALS": "",  # a worker needs no key file: the block has the credentials
        "PYTHONPATH": str(Path(PREFECT_YAML).parent),
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "gcp", "--type", "process", "--run-once"]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    state = state_of(run.id)
    assert state.is_completed(), done.stdout + done.stderr
    answer = state.result()
    assert (answer["said"], answer["key"]) == ("Hello, Alice", "wonderland")
    assert not Path(answer["at"]).is_relative_to(repository.parent)
    (kept,) = google.objects(storage, f"{cloud.gcp_folder}/results/").values()
    assert json.loads(kept) == answer
    assert "wonderland" not in done.stdout + done.stderr


def test_read_key__reads_secret_manager(cloud: Settings, repository: Path, tmp_path: Path) -> None:
    register(cloud.model_copy(update={"gcp_eia_secret": "eia-key"}), repository)
    code = "import os; from flows.keys import read_key; print(read_key('KEY', 'evenkeel-eia-key'), os.environ['KEY'])"
    name = "projects/company-project/secrets/eia-key/versions/latest"

    with google.secret_manager({name: b"wonderland\n"}, tmp_path) as reachable:  # a process of its own: gRPC reads roots once
        environment = {**os.environ, **reachable, "PREFECT_API_URL": PREFECT_API_URL.value()}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=Path(PREFECT_YAML).parent, env=environment, capture_output=True, text=True)

    assert done.stdout == "{'block': 'gcpsecret/evenkeel-eia-key'} wonderland\n", done.stderr


def test_read_key__without_a_block_leaves_the_environment_alone(cloud: Settings) -> None:
    before = dict(os.environ)

    assert read_key("EVENKEEL_EIA_API_KEY", "no-such-block") == {"block": ""}
    assert dict(os.environ) == before


def test_register__names_what_is_missing(
    cloud: Settings, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match="EVENKEEL_GCP_BUCKET"):
        register(cloud.model_copy(update={"gcp_bucket": ""}), repository)
    with pytest.raises(ConfigurationError, match="Google Cloud refused"):
        register(cloud.model_copy(update={"gcp_bucket": "nobodys"}), repository)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    with pytest.raises(ConfigurationError, match=r"gone\.json"):
        register(cloud, repository)
    monkeypatch.delenv("EVENKEEL_GCP_BUCKET", raising=False)
    assert main(["register"]) == 1
    assert "no bucket is named" in capsys.readouterr().err
