"""Base job templates of the work pools `kubernetes` and `kubernetes-gpu`: our Job, and what a deployment may change in it."""

from pathlib import Path
from typing import Any, Final

import yaml
from prefect_kubernetes.worker import KubernetesWorker

from model_code.errors import ConfigurationError
from model_code.settings import Settings

CPU, GPU = "kubernetes", "kubernetes-gpu"
POOLS: Final = (CPU, GPU)
HERE: Final = Path(__file__).parent
HOME: Final = "/home/evenkeel"
TMP: Final = "/tmp"  # noqa: S108, the pod's own
CARD: Final = "nvidia.com/gpu"
HAS_CARD: Final = f"{CARD}.present"
# A kind of EVENKEEL_JOB_MOUNTS -> its volume; what is not a claim cannot be written.
SOURCES: Final = {
    "configmap": lambda name: {"configMap": {"name": name}},
    "secret": lambda name: {"secret": {"secretName": name}},
    "claim": lambda name: {"persistentVolumeClaim": {"claimName": name}},
}
MEMORY: Final = {"memory": "2Gi"}


def base_job_template(settings: Settings, pool: str) -> dict[str, Any]:
    """What a work pool is created with; the same settings give the same.

    Args:
        settings: Image, accounts, names of ConfigMap and Secrets become the variables' defaults.
        pool: `kubernetes`, or `kubernetes-gpu`, whose runs wait for a node with a card.

    Raises:
        ConfigurationError: No image is named, two volumes are mounted at one place, or the manifest is no Job.
    """
    if not settings.job_image:
        raise ConfigurationError(
            "no image is named for flow runs",
            hint="set EVENKEEL_JOB_IMAGE, such as evenkeel-platform:TAG; see docs/kubernetes.md",
        )
    template: dict[str, Any] = KubernetesWorker.get_default_base_job_template()
    template["job_configuration"]["job_manifest"] = _manifest(settings.job_template or HERE / "job.yaml")
    properties = template["variables"]["properties"]
    for unused in ("backoff_limit", "cpu_limit", "memory_limit"):
        del properties[unused]
    properties |= _own_variables()
    for name, value in _defaults(settings, pool).items():
        properties[name]["default"] = value
    return template


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"job template {path}: {error}", hint="see EVENKEEL_JOB_TEMPLATE in docs/settings.md") from error
    if not isinstance(found, dict) or found.get("kind") != "Job":
        raise ConfigurationError(f"job template {path} is no Job", hint="begin with flows/cluster/job.yaml")
    return found


def _own_variables() -> dict[str, dict[str, Any]]:
    """Variables that Prefect's own template does not have."""
    listed, mapped = {"type": "array", "items": {"type": "object"}}, {"type": "object"}
    return {
        "rolls_out": {
            "type": "string",
            "enum": ["yes", "no"],
            "description": "Whether network policies let it reach the API server.",
        },
        "service_account_token": {"type": "boolean", "description": "Whether the pod may talk to the API server as its account."},
        "priority_class": {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "description": "PriorityClass; empty: the cluster's.",
        },
        "limits": {**mapped, "description": "Limits of the container, memory and devices; the processor is left unbounded."},
        "env_from": {**listed, "description": "ConfigMaps and Secrets whose entries are the environment."},
        "volumes": {**listed, "description": "Volumes of the pod; home and tmp are emptied with it."},
        "volume_mounts": {**listed, "description": "Where they are mounted."},
        "node_selector": {**mapped, "description": "Labels that a node must have."},
        "tolerations": {**listed, "description": "Taints of nodes that are no hindrance."},
        "affinity": {**mapped, "description": "Which nodes, in Kubernetes' own words."},
    }


def _defaults(settings: Settings, pool: str) -> dict[str, Any]:
    volumes, mounts = _volumes(settings)
    config = {"configMapRef": {"name": settings.job_config}}
    return {
        "namespace": settings.job_namespace,
        "image": settings.job_image,
        "service_account_name": settings.job_service_account,
        "service_account_token": False,
        "rolls_out": "no",
        "priority_class": settings.job_priority_class or None,
        "finished_job_ttl": settings.job_keep_seconds,
        "pod_watch_timeout_seconds": 300,
        "env_from": [config, *({"secretRef": {"name": name}} for name in settings.job_secrets.split())],
        "cpu_request": "250m",
        "memory_request": "512Mi",
        "volumes": volumes,
        "volume_mounts": mounts,
        "node_selector": {},
        **(_with_card() if pool == GPU else {"limits": MEMORY, "tolerations": [], "affinity": {}}),
    }


def _with_card() -> dict[str, Any]:
    wanted = {"matchExpressions": [{"key": HAS_CARD, "operator": "In", "values": ["true"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [wanted]}}
    return {
        "limits": {**MEMORY, CARD: "1"},
        "tolerations": [{"key": CARD, "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": required},
    }


def _volumes(settings: Settings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Home and tmp, since the root is read-only, and what EVENKEEL_JOB_MOUNTS names."""
    volumes: list[dict[str, Any]] = [{"name": "home", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    mounts: list[dict[str, Any]] = [{"name": "home", "mountPath": HOME}, {"name": "tmp", "mountPath": TMP}]
    for number, mount in enumerate(settings.job_mounts.split()):
        source, _, path = mount.partition("=")
        kind, _, name = source.partition("/")
        if path in (taken["mountPath"] for taken in mounts):
            raise ConfigurationError(
                f"EVENKEEL_JOB_MOUNTS: {mount}: something is mounted there already", hint="name another path"
            )
        volumes.append({"name": f"mount-{number}", **SOURCES[kind](name)})
        mounts.append({"name": f"mount-{number}", "mountPath": path, **({} if kind == "claim" else {"readOnly": True})})
    return volumes, mounts
