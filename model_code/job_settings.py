"""Settings of flow runs on Kubernetes: what the Jobs of the work pools `kubernetes` and `kubernetes-gpu` are made of."""

from pathlib import Path

from pydantic import Field

from model_code.settings_group import SettingsGroup

NAMES = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?( +|$))*$"
MOUNTS = r"^((configmap|secret|claim)/[a-z0-9]([-a-z0-9.]*[a-z0-9])?=/\S+( +|$))*$"


class JobSettings(SettingsGroup):
    """Read by `python -m flows.cluster register`, which writes them into the work pools; the runs themselves need none."""

    job_image: str = Field(
        "",
        description="Image that flow runs on Kubernetes are started from. Default: none; registering the work pools asks for it.",
    )
    job_template: Path | None = Field(
        None,
        description="Manifest of the Job that a flow run is, with the work pool's placeholders; k8s/ has it in the ConfigMap evenkeel-job-template. Default: flows/cluster/job.yaml.",
    )
    results_url: str = Field(
        "",
        description="Where flow runs on Kubernetes keep what they return, for Prefect: a folder that they all mount, s3://bucket/prefix or gs://bucket/prefix. Default: as the Prefect server has it; what a pod keeps for itself goes with it.",
    )
    job_namespace: str = Field("evenkeel", description="Kubernetes namespace of the Jobs of flow runs.")
    job_service_account: str = Field(
        "evenkeel-flows", description="ServiceAccount of flow runs, which talk to no API server. Default: without any right."
    )
    job_rollout_service_account: str = Field(
        "evenkeel-rollout",
        description="ServiceAccount of the flow runs that roll a model out; needs a Role in the models' namespace.",
    )
    job_config: str = Field(
        "evenkeel-settings",
        description="ConfigMap whose entries are the environment of every flow run: EVENKEEL_… and addresses.",
    )
    job_secrets: str = Field(
        "",
        pattern=NAMES,
        description="Secrets whose entries are added to that environment, separated by spaces. Default: none; names only, never values.",
    )
    job_mounts: str = Field(
        "",
        pattern=MOUNTS,
        description="Volumes of every flow run, such as `claim/evenkeel-data=/data configmap/world=/etc/evenkeel`, separated by spaces; only claims are writable. Default: none, everything lies in buckets and databases.",
    )
    job_priority_class: str = Field(
        "",
        description="PriorityClass of flow runs. Default: the cluster's; k8s/ has evenkeel-batch, which makes way for serving.",
    )
    job_keep_seconds: int = Field(
        600,
        ge=0,
        le=604_800,
        description="Seconds for which a finished Job and its pod's log stay. Default: long enough to look; Prefect keeps the log.",
    )
