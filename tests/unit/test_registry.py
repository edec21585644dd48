import json
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from model_code.errors import ConfigurationError, RegistryError
from model_code.registry import Registry
from tests.conftest import free_port


@pytest.fixture
def bundle(tmp_path):
    """Makes a folder that looks like a bundle to the registry, by its hash."""

    def make(hash_):
        folder = tmp_path / hash_
        folder.mkdir(exist_ok=True)
        (folder / "manifest.json").write_text(json.dumps({"bundle": hash_}))
        (folder / "model.ubj").write_bytes(b"\x00")
        return SimpleNamespace(hash=hash_, path=folder)

    return make


def manifest(usecase, **fields):
    given = {
        "usecase": usecase,
        "family": "xgboost",
        "parameters": {"depth": 4, "rate": 0.1, "early": None},
        "lineage": {"demand": 3, "weather": np.int64(7)},
        "features_version": "ff",
        "trained_until": "2014-06-01T00:00:00Z",
    }
    return given | fields


def test_registry__register_gives_numbers_and_keeps_what_a_rebuild_needs(registry, usecase, bundle):
    first = registry.register(bundle("a1"), manifest(usecase), {"loss": 0.25, "coverage": math.nan})
    second = registry.register(bundle("b2"), manifest(usecase, family="ridge"), {"loss": 0.2})
    assert (first, second) == ("1", "2")
    kept = registry.version(usecase, "1")
    assert kept.bundle == registry.bundle_of(usecase, "1") == "a1"
    assert kept.lineage == {"demand": 3, "weather": 7}
    assert kept.parameters == {"depth": 4, "rate": 0.1, "early": None}
    assert kept.metrics == {"loss": 0.25, "coverage": None}
    assert (kept.family, kept.features_version, kept.trained_until) == ("xgboost", "ff", "2014-06-01T00:00:00Z")
    assert [version.version for version in registry.versions(usecase)] == ["1", "2"]


def test_registry__register_the_same_bundle_again_is_the_same_version(registry, usecase, bundle):
    versions = [registry.register(bundle(hash_), manifest(usecase), {"loss": 0.2}) for hash_ in ("a1", "b2", "a1", "b2")]
    assert versions == ["1", "2", "1", "2"]
    assert len(registry.versions(usecase)) == 2


def test_registry__register_takes_the_run_that_trained_it(registry, usecase, bundle):
    with registry.start_run(usecase, "training") as run:
        run.log_metrics({"loss": 0.3})
    version = registry.register(bundle("a1"), manifest(usecase), {"loss": 0.2}, run.id)
    assert registry.version(usecase, version).run_id == run.id


def test_registry__register_shows_the_readable_files_of_the_bundle_and_not_the_model(registry, usecase, bundle, mlflow_url):
    from mlflow import MlflowClient

    version = registry.version(usecase, registry.register(bundle("a1"), manifest(usecase), {"loss": 0.2}))
    client = MlflowClient(mlflow_url)
    assert [file.path for file in client.list_artifacts(version.run_id, "bundle")] == ["bundle/manifest.json"]
    assert client.get_run(version.run_id).data.metrics == {"loss": 0.2}


def test_registry__many_versions_are_all_listed(registry, usecase, bundle, monkeypatch):
    monkeypatch.setattr("model_code.registry.registry.PAGE", 2)
    for i in range(5):
        registry.register(bundle(f"a{i}"), manifest(usecase), {})
    assert [version.version for version in registry.versions(usecase)] == ["1", "2", "3", "4", "5"]


def test_registry__aliases_point_move_and_go(registry, usecase, bundle):
    for hash_ in ("a1", "b2"):
        registry.register(bundle(hash_), manifest(usecase), {})
    assert registry.version_of(usecase, "champion") is None
    registry.set_alias(usecase, "champion", "1")
    registry.set_alias(usecase, "previous", "1")
    registry.set_alias(usecase, "champion", "2")
    assert registry.version_of(usecase, "champion") == "2"
    assert [version.aliases for version in registry.versions(usecase)] == [("previous",), ("champion",)]
    for _ in range(2):
        registry.set_alias(usecase, "previous", None)
    assert registry.version_of(usecase, "previous") is None


def test_registry__knows_nothing_of_an_unknown_use_case(registry, usecase):
    assert registry.versions(usecase) == []
    assert registry.version_of(usecase, "champion") is None
    registry.set_alias(usecase, "previous", None)
    with pytest.raises(RegistryError, match="has no version 7"):
        registry.bundle_of(usecase, "7")


def test_registry__refuses_an_alias_to_an_unknown_version(registry, usecase, bundle):
    registry.register(bundle("a1"), manifest(usecase), {})
    with pytest.raises(RegistryError, match="9"):
        registry.set_alias(usecase, "champion", "9")


def test_run__keeps_parameters_metrics_tags_and_files(registry, usecase, tmp_path, mlflow_url):
    from mlflow import MlflowClient

    (tmp_path / "plot.html").write_text("a plot")
    with registry.start_run(usecase, "training", tags={"flow": "train"}) as run:
        run.log_params({"depth": 4, "long": "x" * 9000})
        for step in range(3):
            run.log_metrics({"loss": 1.0 - step / 10, "empty": math.nan}, step)
        run.log_artifact(tmp_path / "plot.html")
        run.log_artifacts(tmp_path, "all")
        run.set_tags({"late": "yes"})
    client = MlflowClient(mlflow_url)
    kept = client.get_run(run.id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params["depth"] == "4"
    assert [point.value for point in client.get_metric_history(run.id, "loss")] == [1.0, 0.9, 0.8]
    assert (kept.data.tags["flow"], kept.data.tags["late"]) == ("train", "yes")
    assert sorted(file.path for file in client.list_artifacts(run.id)) == ["all", "plot.html"]


def test_registry__trials_are_the_runs_of_a_search(registry, usecase):
    with registry.start_run(usecase, "search") as search:
        for depth in (2, 4):
            with registry.start_run(usecase, f"trial {depth}", parent=search.id) as run:
                run.log_params({"depth": depth})
                run.log_metrics({"loss": 1 / depth})
        with pytest.raises(ZeroDivisionError), registry.start_run(usecase, "bad", parent=search.id):
            raise ZeroDivisionError
        with pytest.raises(KeyboardInterrupt), registry.start_run(usecase, "stopped", parent=search.id):
            raise KeyboardInterrupt
    with registry.start_run(usecase, "another search"):
        pass
    trials = {trial.name: trial for trial in registry.trials(usecase, search.id)}
    assert {name: trial.status for name, trial in trials.items()} == {
        "trial 2": "FINISHED",
        "trial 4": "FINISHED",
        "bad": "FAILED",
        "stopped": "KILLED",
    }
    assert (trials["trial 4"].parameters, trials["trial 4"].metrics) == ({"depth": "4"}, {"loss": 0.25})


def test_registry__a_run_with_the_same_key_is_resumed(registry, usecase):
    with registry.start_run(usecase, "search") as search:
        ids = set()
        for loss in (0.5, 0.4):
            with registry.start_run(usecase, "trial", parent=search.id, key="trial-1") as run:
                run.log_params({"depth": 2})
                run.log_metrics({"loss": loss})
            ids.add(run.id)
    assert len(ids) == len(registry.trials(usecase, search.id)) == 1
    assert registry.trials(usecase, search.id)[0].metrics == {"loss": 0.4}


def register(url, usecase, bundles, barrier):
    barrier.wait()
    registry = Registry(url)
    for bundle in bundles:
        registry.register(bundle, manifest(usecase), {"loss": 0.2})


def test_registry__two_programs_may_start_at_once_on_an_empty_store(tmp_path, programs, usecase, bundle):
    url = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    barrier = programs.Barrier(2)
    both = [bundle("a1"), bundle("b2"), bundle("c3")]
    starting = [programs.Process(target=register, args=(url, usecase, both, barrier)) for _ in range(2)]
    for program in starting:
        program.start()
    for program in starting:
        program.join(100)
    assert [program.exitcode for program in starting] == [0, 0]
    assert sorted(version.bundle for version in Registry(url).versions(usecase)) == ["a1", "b2", "c3"]


def register_and_die(url, usecase, bundle, call):
    from mlflow import MlflowClient

    real = getattr(MlflowClient, call)

    def last_call(*args, **kwargs):
        real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(MlflowClient, call, last_call)
    Registry(url).register(bundle, manifest(usecase), {"loss": 0.2})


@pytest.mark.parametrize(
    "call",
    [
        "create_experiment",
        "create_run",
        "log_metric",
        "log_artifact",
        "set_terminated",
        "create_registered_model",
        "create_model_version",
    ],
)
def test_registry__register_survives_a_kill_after_any_call(registry, usecase, bundle, mlflow_url, programs, call):
    victim = programs.Process(target=register_and_die, args=(mlflow_url, usecase, bundle("a1"), call))
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL
    assert registry.register(bundle("a1"), manifest(usecase), {"loss": 0.2}) == "1"
    version = registry.version(usecase, "1")
    with registry.start_run(usecase, "again", key="a1") as run:
        assert run.id == version.run_id
    assert len(registry.versions(usecase)) == 1


@pytest.mark.parametrize("url", ["file:///tmp/mlruns", "somewhere", "mysql://host/name"])
def test_registry__refuses_a_url_of_no_known_kind(url):
    with pytest.raises(ConfigurationError, match="of no known kind"):
        Registry(url)


def test_registry__says_in_words_that_the_server_is_down(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match="EVENKEEL_MLFLOW_URL right, the server up"):
        Registry(f"http://127.0.0.1:{free_port()}").versions("demand")


def test_registry__says_in_words_that_the_file_is_no_database(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database " * 200)
    with pytest.raises(RegistryError, match="not a database"):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}").versions("demand")


def test_registry__says_in_words_that_the_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="the disk writable"):
        Registry(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}").versions("demand")


@pytest.mark.full
@pytest.mark.timeout(400)
def test_registry__works_on_a_server_and_survives_its_restart(tmp_path, usecase, bundle, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    port = free_port()
    registry = Registry(f"http://127.0.0.1:{port}")
    with pytest.raises(RegistryError, match="the server up"):
        registry.register(bundle("a1"), manifest(usecase), {"loss": 0.2})
    with mlflow_server(tmp_path, port):
        assert registry.register(bundle("a1"), manifest(usecase), {"loss": 0.2}) == "1"
        registry.set_alias(usecase, "champion", "1")
    with pytest.raises(RegistryError, match="the server up"):
        registry.set_alias(usecase, "previous", "1")
    with mlflow_server(tmp_path, port):
        assert registry.register(bundle("a1"), manifest(usecase), {"loss": 0.2}) == "1"
        assert registry.register(bundle("b2"), manifest(usecase), {"loss": 0.2}) == "2"
        assert registry.version_of(usecase, "champion") == "1"
        assert registry.version_of(usecase, "previous") is None
        with pytest.raises(RegistryError, match="has no version 9"):
            registry.version(usecase, "9")


@contextmanager
def mlflow_server(folder, port):
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(600):
                with suppress(httpx.TransportError):
                    if client.get("/health").status_code == 200:
                        break
                time.sleep(0.1)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
