"""The platform's image: Prefect, MLflow, flow runs, exporter, bridge and reports from one build, named after its content."""

import re
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.build.archive import files_below, write_archive
from services.build.context import CHECKOUT, IMAGE, SHARED, digest, tag_over
from services.build.engine import Engine
from services.build.image import BASE, build_checked
from services.build.sbom import write_bill_with

REPOSITORY = "evenkeel-platform"
PLATFORM = IMAGE / "platform"
REQUIREMENTS = CHECKOUT / "requirements" / "runtime.txt"
BUCKETS = PLATFORM / "s3.txt"
# Charts that flow runs install, and what work pools are made from; the packages come with the data that they ship.
CODE = ("model_code", "services", "monitoring", "flows", "helm/model-service", "k8s")
CHECK = "services.image.platform.check"


class PlatformImage(BaseModel):
    """A built image of the platform.

    Attributes:
        name: Repository and tag.
        id: SHA-256 of its configuration.
        size: Bytes, unpacked.
        bill: The bill of materials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    id: str
    size: int
    bill: Path


def write_platform_context(folder: Path, requirements: Path = REQUIREMENTS) -> str:
    """Write the build context; its tag follows from its content.

    Args:
        folder: Where to; an earlier one is replaced.
        requirements: Lock file of the packages.

    Returns:
        The tag: the same code, charts and packages, the same tag.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    own = (PLATFORM / name for name in ("Dockerfile", "helm.txt", "helm.py", "s3.txt"))
    for path in (*own, *(IMAGE / name for name in SHARED)):
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(requirements, folder / "requirements.txt")
    code = {"app/prefect.yaml": (CHECKOUT / "prefect.yaml").read_bytes()}
    for part in CODE:
        code |= files_below(CHECKOUT / part, f"app/{part}")
    write_archive(folder / "code.tar", code)
    return digest(folder)


def build_platform(folder: Path, engine: Engine, *, tag: str | None = None, base: str = BASE) -> PlatformImage:
    """Build the platform's image; one with the same content over the same base is there already, and stays.

    Args:
        folder: Build context and bill of materials are left here.
        engine: Builds it.
        tag: Repository and tag. Default: `evenkeel-platform:HASH`, with the hash of the context and of the base's name.
        base: Base image with Python 3.11.

    Raises:
        EngineError: The build fails, or the finished image does not import what it runs.
        BillError: The bill of materials cannot be written.
    """
    context = folder / "context"
    content = write_platform_context(context)
    name = f"{REPOSITORY}:{tag_over(content, base)}"
    if tag is not None or engine.inspect(name) is None:
        name = tag or name
        build_checked(engine, context, name, [("BASE", base), ("CONTENT", content)], CHECK)
    bill = write_bill_with([REQUIREMENTS, BUCKETS], [helm_component()], folder / "bill.cdx.json")
    found = engine.inspect(name) or {}
    return PlatformImage(name=name, id=found["Id"], size=found["Size"], bill=bill)


def helm_component() -> dict[str, object]:
    """The program in the bill: which package brought it, and its own hash."""
    package = re.search(r"^(\S+)==(\S+)", (PLATFORM / "helm.txt").read_text(), re.MULTILINE)
    program = re.search(r'^SHA256 = "([0-9a-f]{64})"$', (PLATFORM / "helm.py").read_text(), re.MULTILINE)
    assert package is not None, "helm.txt"
    assert program is not None, "helm.py"
    hashes = [{"alg": "SHA-256", "content": program[1]}]
    origin = [{"name": "evenkeel:package", "value": f"{package[1]}=={package[2]}"}]
    return {"type": "application", "bom-ref": "helm", "name": "helm", "hashes": hashes, "properties": origin}
