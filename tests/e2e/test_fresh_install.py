"""An empty cluster, and the lines of docs/kubernetes.md and docs/platform.md as they stand there: until a forecast is answered."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from services.build.engine import Engine
from tests.conftest import free_port
from tests.e2e.cluster import INGRESS, Cluster
from tests.e2e.stage import POSTGRESQL, bring_postgresql

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800), pytest.mark.xdist_group("cluster")]

ROOT = Path(__file__).parents[2]
NAMESPACES = ("evenkeel", "models")
SECRETS_GO_HERE = "# here the lines of platform.md that make its Secrets; they set $word\n"
# What whoever pastes the lines does beside them: images are pushed, the host's name leads to the ingress, all of it may fail.
BESIDE = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
make() {{ command make "$@" | tee {folder}/made; {load} "$(tail -n 1 {folder}/made)"; }}
curl() {{ command curl --silent --show-error --fail --connect-to ::{ingress} "$@"; }}
"""


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster without the namespaces that the documents make."""
    there = set(cluster.kubectl("get", "namespaces", "-o", "name", namespaced=False).split())
    if taken := there & {f"namespace/{name}" for name in NAMESPACES}:
        pytest.skip(f"no cluster: this one has {', '.join(sorted(taken))} already")
    try:
        yield cluster
    finally:
        cluster.kubectl("delete", "-k", "k8s/overlays/local", "--ignore-not-found", "--timeout=180s", namespaced=False)


def test_documents__lead_from_an_empty_cluster_to_a_forecast(
    empty: Cluster, engine: Engine, platform_image: str, bucket: dict[str, str], tmp_path: Path
) -> None:
    bring_postgresql(empty, engine)
    said = shown("docs/platform.md"), shown("docs/kubernetes.md")
    (tmp_path / "platform.yaml").write_text(the(said[0], "# platform.yaml"))
    for name in ("cluster.yaml", "canary.yaml"):
        (tmp_path / name).write_text(the(said[1], f"# {name}"))
    (tmp_path / "yours.yaml").write_text(yaml.safe_dump(yours(platform_image, bucket["AWS_ENDPOINT_URL"])))
    (tmp_path / "buckets.env").write_text("".join(f"{name}={value}\n" for name, value in bucket.items()))
    lines = the(said[1], "kubectl apply -k").replace(SECRETS_GO_HERE, the(said[0], "mask="))
    script = beside(empty, tmp_path) + own_names(lines, tmp_path)

    done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=surroundings(empty, tmp_path), capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    answered = json.loads(done.stdout.splitlines()[-1])
    assert answered["values"], answered


def shown(document: str) -> list[str]:
    """The blocks of code of a document."""
    return re.findall(r"^```(?:yaml)?\n(.*?)^```$", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


def the(blocks: list[str], beginning: str) -> str:
    """The one block that begins so."""
    (found,) = [block for block in blocks if block.startswith(beginning)]
    return found


def yours(image: str, endpoint: str) -> dict[str, object]:
    """What the documents leave to the reader: registry, image of PostgreSQL, address of the bucket."""
    repository, tag = image.rsplit(":", 1)
    at = urlsplit(endpoint)
    to_bucket = {"to": [{"ipBlock": {"cidr": f"{at.hostname}/32"}}], "ports": [{"port": at.port, "protocol": "TCP"}]}
    (values,) = [yaml.safe_load(block) for block in shown("docs/platform.md") if block.startswith("# platform.yaml")]
    to_database = values["models"]["values"]["networkPolicy"]["egress"][0]
    return {
        "image": {"repository": repository, "tag": tag},
        "postgresql": {"image": POSTGRESQL, "user": 10002},
        "networkPolicy": {"egress": [to_bucket]},
        "models": {"values": {"networkPolicy": {"egress": [to_database, to_bucket]}}},
    }


def beside(cluster: Cluster, folder: Path) -> str:
    """The shell that the lines are pasted into."""
    return BESIDE.format(folder=shlex.quote(str(folder)), load=shlex.join(cluster.loader), ingress=urlsplit(INGRESS).netloc)


def own_names(lines: str, folder: Path) -> str:
    """The lines with this session's files, ports and image; each of them must be there to be replaced. MLflow knows port 5000 only."""
    prefect, database = free_port(), free_port()
    replaced = {
        "--values cluster.yaml": f"--values {folder}/cluster.yaml --values {folder}/canary.yaml --values {folder}/yours.yaml",
        "--values platform.yaml": f"--values {folder}/platform.yaml",
        "=buckets.env": f"={folder}/buckets.env",
        "./buckets.env": f"{folder}/buckets.env",
        "--file keys": f"--file {folder}/keys",
        "--from-file=keys": f"--from-file={folder}/keys",
        "service/evenkeel-prefect 4200": f"service/evenkeel-prefect {prefect}:4200",
        "127.0.0.1:4200": f"127.0.0.1:{prefect}",
        "service/evenkeel-postgresql 5432": f"service/evenkeel-postgresql {database}:5432",
        "${SQL_URL/evenkeel-postgresql.evenkeel/127.0.0.1}": f"${{SQL_URL/evenkeel-postgresql.evenkeel:5432/127.0.0.1:{database}}}",
        '"NAME:TAG"': f"\"'$(tail -n 1 {folder}/made)'\"",
    }
    for old, new in replaced.items():
        assert old in lines, old
        lines = lines.replace(old, new)
    return lines


def surroundings(cluster: Cluster, folder: Path) -> dict[str, str]:
    """The cluster's, with an installation folder of its own and nothing that earlier stages, or a `make` around this, left."""
    left = ("AWS_", "EVENKEEL_", "PREFECT_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in cluster.environment.items() if not name.startswith(left)}
    return kept | {"EVENKEEL_HOME": str(folder / "home"), "DOCKER": os.environ.get("DOCKER", "docker")}
