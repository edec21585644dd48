"""The folder that an engine builds an image from: requirements, code and bundle, each a function of its content."""

import hashlib
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from model_code.errors import ConfigurationError
from services.build.archive import files_below, write_archive
from services.build.bento import bundle_in
from services.build.release import Release

CHECKOUT = Path(__file__).parents[2]
IMAGE = CHECKOUT / "services" / "image"
SHARED = ("trim.py", "pip.sh")  # what every image's build runs
CODE = ("model_code", "services")  # of the Bento; its own notes beside them name the folder that it was built in
ON_GPU = {"xgboost", "lstm"}
TAG_LENGTH = 16


class Context(BaseModel):
    """A build context.

    Attributes:
        folder: Where it lies.
        tag: The first digits of the SHA-256 of everything in it: the same content, the same tag.
        requirements: Name of the lock file whose packages the image gets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    tag: str
    requirements: str


def write_context(release: Release, bento: Path, folder: Path, *, gpu: bool = False) -> Context:
    """Write the build context of a release over its exported Bento.

    Args:
        release: What is packed.
        bento: The exported Bento.
        folder: Where to; an earlier one is replaced.
        gpu: Whether the family's CUDA build is installed.

    Raises:
        ConfigurationError: The family has no requirements for an image, or no CUDA build.
    """
    requirements = requirements_of(release.family if gpu else release.library, gpu=gpu)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("Dockerfile", *SHARED):
        shutil.copyfile(IMAGE / name, folder / name)
    shutil.copyfile(requirements, folder / "requirements.txt")
    code = {name: content for part in CODE for name, content in files_below(bento / "src" / part, f"app/{part}").items()}
    write_archive(folder / "code.tar", code | _usecase(bundle_in(bento, release), release.usecase))
    write_archive(folder / "bundle.tar", files_below(bundle_in(bento, release), f"bundles/{release.bundle}"))
    return Context(folder=folder, tag=digest(folder), requirements=requirements.name)


def requirements_of(family: str, *, gpu: bool) -> Path:
    """The lock file of an image that answers with the library of that family; with none, by ONNX Runtime and numpy.

    Raises:
        ConfigurationError: There is none.
    """
    if gpu and family not in ON_GPU:
        raise ConfigurationError(f"family {family} has no GPU variant", hint=f"these have one: {', '.join(sorted(ON_GPU))}")
    name = f"serving-{family}" if family else "serving"
    found = CHECKOUT / "requirements" / f"{name}{'-gpu' if gpu else ''}.txt"
    if not found.is_file():
        raise ConfigurationError(f"no {found.name} for family {family}", hint="add requirements/serving-FAMILY.in and compile it")
    return found


def _usecase(bundle: Path, name: str) -> dict[str, bytes]:
    """The use case as it was trained, for a use case that the code does not ship."""
    return {f"usecases/{name}/{file}": (bundle / file).read_bytes() for file in ("usecase.yaml", "features.py")}


def digest(folder: Path) -> str:
    """The tag of a build context: the first digits of the SHA-256 of its files' names and contents."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        total.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:TAG_LENGTH]


def tag_over(content: str, base: str) -> str:
    """The tag of an image: the first digits of the SHA-256 of its context's tag and the name of its base image."""
    return hashlib.sha256(f"{content} {base}\n".encode()).hexdigest()[:TAG_LENGTH]
