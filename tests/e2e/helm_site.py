"""The Helm target as an operator of the tests' cluster sets it up: a values file, settings, and the way to the cluster."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from model_code.settings import Settings
from tests.e2e.cluster import Cluster


def site_values(cluster: Cluster) -> dict[str, Any]:
    """The operator's values for the stage's Secrets, bucket and database; requests come through the Gateway."""
    bucket = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    return {
        "keys": {"secret": "keys", "key": "keys"},
        "sql": {"secret": "database", "key": "url"},
        "bundles": {"url": "s3://evenkeel/bundles"},
        "store": {"url": "s3://evenkeel/store"},
        "buckets": {"secret": "buckets"},
        "replicas": 1,
        "drainSeconds": 2,
        "gateway": {
            "enabled": True,
            "name": "default",
            "namespace": "ingress",
            "hostnames": [f"{cluster.namespace}.rollout.test"],
        },
        "resources": {"requests": {"cpu": "20m", "memory": "200Mi"}},
        "networkPolicy": {
            "egress": [
                {"to": [{"podSelector": {"matchLabels": {"app": "postgresql"}}}], "ports": [{"port": 5432}]},
                {"to": [{"ipBlock": {"cidr": f"{bucket.hostname}/32"}}], "ports": [{"port": bucket.port}]},
            ]
        },
    }


def settings_with(settings: Settings, cluster: Cluster, folder: Path, values: dict[str, Any]) -> Settings:
    """Settings of the Helm target in the cluster's namespace with these values of the operator."""
    file = folder / "site.yaml"
    file.write_text(yaml.safe_dump(values))
    return settings.model_copy(update={"target": "helm", "namespace": cluster.namespace, "helm_values": file})


@contextmanager
def way_to(cluster: Cluster) -> Iterator[None]:
    """KUBECONFIG and PATH of the cluster in this process, for as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KUBECONFIG", "PATH"):
            patch.setenv(name, cluster.environment[name])
        yield
