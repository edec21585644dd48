"""An image of a release: built over its Bento, named after its content, with its bill of materials beside it."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.build.bento import export_bento
from services.build.context import CHECKOUT, Context, tag_over, write_context
from services.build.engine import Engine, EngineError
from services.build.release import Release
from services.build.sbom import write_bill

BASE = "python:3.11-slim"
# Where this machine's package index and certificates are told; a build step may read them, no layer keeps them.
SECRETS = {"pip": ("PIP_CONFIG_FILE", "/etc/pip.conf"), "certificates": ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}


class Image(BaseModel):
    """A built image.

    Attributes:
        name: Repository and tag.
        id: SHA-256 of its configuration.
        size: Bytes, unpacked.
        bundle_layer: SHA-256 of the layer that holds the bundle.
        bill: The bill of materials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    id: str
    size: int
    bundle_layer: str
    bill: Path


def prepare(release: Release, folder: Path, *, gpu: bool = False) -> Context:
    """Everything up to the engine: the exported Bento in `folder/bento`, the build context in `folder/context`."""
    bento = export_bento(release, folder / "bento")
    return write_context(release, bento, folder / "context", gpu=gpu)


def build_image(
    release: Release, folder: Path, engine: Engine, *, tag: str | None = None, base: str = BASE, gpu: bool = False
) -> Image:
    """Build the image of a release; one with the same content over the same base is there already, and stays.

    Args:
        release: What it serves.
        folder: Bento, build context and bill of materials are left here.
        engine: Builds it.
        tag: Repository and tag. Default: `evenkeel-USECASE:HASH`, with the hash of the context and of the base's name.
        base: Base image with Python 3.11.
        gpu: Whether the family's CUDA build is installed.

    Raises:
        BentoError, ConfigurationError, EngineError, BillError: Each step's own.
    """
    context = prepare(release, folder, gpu=gpu)
    name = f"evenkeel-{release.usecase.replace('_', '-')}:{tag_over(context.tag, base)}"
    if tag is not None or engine.inspect(name) is None:
        name = tag or name
        build_checked(engine, context.folder, name, _arguments(release, context, base), "services.image.check")
    bill = write_bill(CHECKOUT / "requirements" / context.requirements, release, folder / "bill.cdx.json")
    found = engine.inspect(name) or {}
    return Image(name=name, id=found["Id"], size=found["Size"], bundle_layer=found["RootFS"]["Layers"][-1], bill=bill)


def build_checked(engine: Engine, context: Path, name: str, arguments: Sequence[tuple[str, str]], check: str) -> None:
    """Build an image and run its check; one that fails is not found by its name the next time.

    Args:
        engine: Builds it.
        context: The build context.
        name: Repository and tag.
        arguments: Build arguments.
        check: Module that raises where the image is not as it should be.

    Raises:
        EngineError: Either fails.
    """
    engine.build(context, name, arguments=arguments, secrets=_secrets())
    try:
        engine.check(name, check)
    except EngineError:
        engine.run("image", "rm", "--force", name)
        raise


def _arguments(release: Release, context: Context, base: str) -> list[tuple[str, str]]:
    told = {"BASE": base, "USECASE": release.usecase, "MODEL_VERSION": release.version, "BUNDLE": release.bundle}
    return [*told.items(), ("CONTENT", context.tag)]


def _secrets() -> list[tuple[str, Path]]:
    found = []
    for secret, places in SECRETS.items():
        paths = (Path(place if place.startswith("/") else os.environ.get(place, "/nowhere")) for place in places)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            found.append((secret, path))
    return found
