"""Settings of rollouts: where models are deployed to."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from model_code.settings_group import SettingsGroup

NAME = r"^([a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?)?$"


class RolloutSettings(SettingsGroup):
    """Read by `python -m services.rollout` and the flows that deploy."""

    target: Literal["local", "helm", "kserve"] = Field(
        "local",
        description="Where models are deployed to: processes of this machine, releases of the chart, InferenceServices. Default: this machine, which needs no cluster.",
    )
    namespace: str = Field(
        "models",
        pattern=NAME.replace("?$", "$"),
        description="Kubernetes namespace of the deployed models; it is never made by a rollout.",
    )
    helm_values: Path | None = Field(
        None,
        description="Values file of the operator for helm/model-service: names of Secrets, addresses, resources, ingress. Default: what the release has now; a first one needs the file.",
    )
    helm_release: str = Field(
        "", pattern=NAME, description="Name of the release. Default: the use case's, with dashes; set it for one use case only."
    )

    prometheus_url: str = Field(
        "",
        repr=False,
        description="Address of the Prometheus that scrapes the deployed services, with its path: what callers of a canary meet is read there. Default: none, and then no canary gets any traffic.",
    )

    def release(self, usecase: str) -> str:
        """Name of a use case's Helm release, its Deployment and its Service."""
        return self.helm_release or usecase.replace("_", "-")
