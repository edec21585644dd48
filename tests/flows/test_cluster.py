"""Flows on Kubernetes: the Jobs that the work pools make, and what a real Prefect server is told."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import Flow, FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from flows.cluster.__main__ import main
from flows.cluster.registration import ROLLOUT_ACCOUNT, register
from flows.cluster.second_chance import second_chance
from flows.cluster.template import CPU, GPU, POOLS, base_job_template
from flows.deployments import load
from model_code.errors import ConfigurationError
from model_code.settings import Settings

VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
SETTINGS = Settings(
    job_image="registry.example/evenkeel-platform:1",
    job_namespace="loop",
    job_secrets="database buckets",
    job_mounts="claim/evenkeel-data=/data configmap/world=/etc/evenkeel",
    job_priority_class="evenkeel-batch",
)
# Prefect's validation wants these in the pod's specification; Kubernetes drops what it does not know.
IGNORED = ("parallelism", "completions")
DEPLOYMENTS = """
deployments:
  - {name: kubernetes, entrypoint: "flows/greet.py:greet", path: /app, work_pool: {name: kubernetes}}
  - {name: gpu, entrypoint: "flows/greet.py:greet", path: /app, work_pool: {name: kubernetes-gpu}}
  - {name: local, entrypoint: "flows/greet.py:greet", work_pool: {name: local}}
"""
GREET = "from prefect import flow\n\n\n@flow\ndef greet(name: str = 'you') -> str:\n    return name\n"


def job(pool: str = CPU, settings: Settings = SETTINGS, **variables: Any) -> dict[str, Any]:
    """The Job that Prefect's worker makes of a run."""
    made = asyncio.run(_filled(base_job_template(settings, pool), variables))
    flow = Flow(id=uuid4(), name="turn", labels={})
    made.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=flow.id, name="calm-heron"), flow=flow)
    found: dict[str, Any] = made.job_manifest
    return found


async def _filled(template: dict[str, Any], variables: dict[str, Any]) -> KubernetesWorkerJobConfiguration:
    nobody = PrefectClient(api="http://127.0.0.1:9/api")  # asked only for what a template names, which ours does not
    return await KubernetesWorkerJobConfiguration.from_template_and_values(template, variables, client=nobody)


def pod(**asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = job(**asked)["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pool", POOLS)
def test_job__is_one_of_each_kubernetes_version(pool: str, version: str) -> None:
    made = job(pool)
    for name in IGNORED:
        del made["spec"]["template"]["spec"][name]

    kubernetes_validate.validate(made, version, strict=True)


def test_job__meets_the_restricted_pod_security_standard() -> None:
    spec, (container,) = pod(), pod()["containers"]

    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} <= {
        "emptyDir",
        "configMap",
        "persistentVolumeClaim",
    }


def test_job__has_its_environment_by_reference_and_its_volumes() -> None:
    (container,) = pod()["containers"]

    assert container["envFrom"] == [
        {"configMapRef": {"name": "evenkeel-settings"}},
        {"secretRef": {"name": "database"}},
        {"secretRef": {"name": "buckets"}},
    ]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/home/evenkeel", "/tmp", "/data", "/etc/evenkeel"]
    assert [mount.get("readOnly", False) for mount in container["volumeMounts"]] == [False, False, False, True]
    assert pod()["priorityClassName"] == "evenkeel-batch"


def test_job__leaves_retries_to_prefect() -> None:
    made = job()
    environment = {entry["name"]: entry["value"] for entry in made["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert made["spec"]["backoffLimit"] == 0
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"
    assert made["spec"]["ttlSecondsAfterFinished"] == SETTINGS.job_keep_seconds


def test_job__of_the_gpu_pool_waits_for_a_node_with_a_card() -> None:
    spec = pod(pool=GPU)
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert term["matchExpressions"] == [{"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}]
    assert "nvidia.com/gpu" not in pod(pool=CPU)["containers"][0]["resources"]["limits"]


def test_prefect_yaml__has_each_flow_on_kubernetes_and_what_fits_on_gpu_nodes_too() -> None:
    entries = load().deployments
    local, cluster, gpu = (
        {entry.entrypoint: entry for entry in entries if entry.work_pool.name == pool} for pool in ("local", CPU, GPU)
    )
    own = {"name", "pull", "path", "work_pool"}

    assert set(cluster) == set(local)
    for entrypoint, entry in cluster.items():
        assert entry.model_dump(exclude=own) == local[entrypoint].model_dump(exclude=own)
    assert {entry.path for entry in (*cluster.values(), *gpu.values())} == {"/app"}
    assert set(gpu) == {f"flows/{flow}.py:{flow}" for flow in ("search", "train", "retrain")}


@pytest.mark.parametrize("entry", [entry for entry in load().deployments if entry.work_pool.name in POOLS], ids=str)
def test_prefect_yaml__changes_nothing_that_the_template_does_not_offer(entry: Any) -> None:
    offered = base_job_template(SETTINGS, entry.work_pool.name)["variables"]["properties"]

    assert set(entry.work_pool.job_variables) <= set(offered)


def test_template__names_what_is_missing_or_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="EVENKEEL_JOB_IMAGE"):
        base_job_template(Settings(), CPU)
    for content in ("kind: Pod", "kind: [Job"):
        (tmp_path / "job.yaml").write_text(content)
        with pytest.raises(ConfigurationError, match=r"job\.yaml"):
            base_job_template(Settings(job_image="x:1", job_template=tmp_path / "job.yaml"), CPU)
    with pytest.raises(ConfigurationError, match="secret/keys=/tmp"):
        base_job_template(Settings(job_image="x:1", job_mounts="secret/keys=/tmp"), CPU)


@pytest.mark.parametrize("wrong", ["disk/data=/data", "claim/data", "claim/Data=/data", "secret/keys=keys"])
def test_settings__refuse_mounts_of_no_known_kind(wrong: str) -> None:
    with pytest.raises(ValueError, match="job_mounts"):
        Settings(job_mounts=wrong)


@pytest.fixture
def server(prefect_api: str) -> Iterator[str]:
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        yield prefect_api


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with one flow on both pools; gives its prefect.yaml."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greet.py").write_text(GREET)
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENTS)
    return tmp_path / "prefect.yaml"


def told() -> dict[str, Any]:
    """What the server knows of the two pools, with the times of their last change."""
    return asyncio.run(_told())


async def _told() -> dict[str, Any]:
    async with get_client() as client:
        pools = {pool: await client.read_work_pool(pool) for pool in POOLS}
        deployments = [await client.read_deployment_by_name(f"greet/{name}") for name in ("kubernetes", "gpu")]
        automations = await client.read_automations_by_name(second_chance(POOLS).name)
        account = await client.read_variable_by_name(ROLLOUT_ACCOUNT)
    return {
        "pools": {name: (pool.updated, pool.base_job_template) for name, pool in pools.items()},
        "deployments": {each.name: (each.id, each.work_pool_name, each.path, each.pull_steps) for each in deployments},
        "automations": [each.id for each in automations],
        "account": account and account.value,
    }


def test_register__twice_is_as_good_as_once_and_a_new_image_reaches_the_pools(server: str, repository: Path) -> None:
    assert register(SETTINGS, repository) == ["greet/kubernetes", "greet/gpu"]
    first = told()
    register(SETTINGS, repository)
    again = told()
    register(SETTINGS.model_copy(update={"job_image": "registry.example/evenkeel-platform:2"}), repository)
    renewed = told()

    assert again == first
    assert first["deployments"]["kubernetes"][1:] == (CPU, "/app", [])
    assert first["deployments"]["gpu"][1] == GPU
    assert first["account"] == "evenkeel-rollout"
    assert len(first["automations"]) == 1
    for _, template in renewed["pools"].values():
        assert template["variables"]["properties"]["image"]["default"].endswith(":2")


def test_main__prints_a_template_and_tells_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_JOB_IMAGE", "x:1")
    assert main(["template", GPU]) == 0
    printed = json.loads(capsys.readouterr().out)
    monkeypatch.delenv("EVENKEEL_JOB_IMAGE")

    assert main(["register"]) == 1
    assert "EVENKEEL_JOB_IMAGE" in capsys.readouterr().err
    assert printed == base_job_template(Settings(job_image="x:1"), GPU)
