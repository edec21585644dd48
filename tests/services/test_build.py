"""From a registry version to a Bento and a build context: complete, reproducible, and refused with a reason."""

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from cyclonedx.model.component import ComponentType

from model_code.bundle import load_bundle, write_bundle
from model_code.errors import BundleError, ConfigurationError, RegistryError
from model_code.installation import Installation
from model_code.specification import Candidate
from services.build.__main__ import main
from services.build.archive import write_archive
from services.build.bento import bundle_in
from services.build.context import IMAGE, ON_GPU, requirements_of, tag_over, write_context
from services.build.engine import Engine, EngineError
from services.build.image import build_image, prepare
from services.build.release import Release, library_of, release_of
from services.build.sbom import write_bill
from tests import trained
from tests.bundle_cases import little_contents
from tests.services.copied import copied_by
from tests.services.pretended_engine import built, pretended

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("serving*.txt"))
RIDGE = (Candidate(family="ridge", parameters={"alpha": 2.0}),)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, mlflow_url: str) -> Installation:
    """A use case whose version 1 is the champion."""
    made = trained.installation(tmp_path_factory.mktemp("built"), "tiny_built", mlflow_url)
    version, _ = trained.train(made, RIDGE)
    made.promoter.promote("tiny_built", version, "test", "to be packed", {}, made.present(None), force=True)
    return made


@pytest.fixture(scope="module")
def packed(place: Installation, tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, Path]:
    """The champion's release, and the folder with its Bento and its build context."""
    release, folder = release_of(place), tmp_path_factory.mktemp("packed")
    prepare(release, folder)
    return release, folder


def test_release__is_the_champion_unless_a_version_is_named(place: Installation) -> None:
    assert release_of(place) == release_of(place, "1")
    assert (release_of(place).family, release_of(place).library) == ("ridge", "")


@pytest.mark.parametrize(
    ("family", "library"), [("ridge", ""), ("lightgbm", ""), ("forest", ""), ("lstm", ""), ("xgboost", "xgboost")]
)
def test_library__is_needed_only_where_onnx_runtime_does_not_answer_everything(family: str, library: str, tmp_path: Path) -> None:
    assert library_of(load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path, family)).hash)) == library


def test_library__is_needed_where_the_onnx_form_was_not_exact(tmp_path: Path) -> None:
    contents = little_contents(tmp_path, "forest")
    contents.model.to_onnx = little_contents(tmp_path, "forest", seed=2).model.to_onnx  # type: ignore[method-assign]

    bundle = load_bundle(tmp_path, write_bundle(tmp_path, contents).hash)

    assert not bundle.manifest.onnx.kept
    assert library_of(bundle) == "forest"


def test_release__names_the_versions_that_there_are(place: Installation) -> None:
    with pytest.raises(RegistryError, match=r"no version 7 \(there are: 1\)"):
        release_of(place, "7")


def test_release__needs_a_champion(tmp_path: Path, mlflow_url: str) -> None:
    with pytest.raises(RegistryError, match=r"tiny_unreleased has no champion yet \(promote"):
        release_of(trained.installation(tmp_path, "tiny_unreleased", mlflow_url))


def test_release__refuses_an_altered_bundle(tmp_path: Path, mlflow_url: str) -> None:
    place = trained.installation(tmp_path, "tiny_altered", mlflow_url)
    version, ref = trained.train(place, RIDGE)
    (ref.path / "calibration.json").write_text("{}")

    with pytest.raises(BundleError, match=r"calibration\.json"):
        release_of(place, version)


def test_bento__carries_the_bundle_as_its_model(packed: tuple[Release, Path]) -> None:
    release, folder = packed

    carried = bundle_in(folder / "bento", release)

    assert load_bundle(carried.parent, release.bundle).hash == release.bundle
    assert f"tag: {release.usecase}:{release.bundle[:16]}" in (folder / "bento" / "bento.yaml").read_text()


def test_context__has_the_code_of_the_service_and_nothing_of_the_machine(packed: tuple[Release, Path]) -> None:
    with tarfile.open(packed[1] / "context" / "code.tar") as archive:
        names, content = archive.getnames(), b"".join(archive.extractfile(each).read() for each in archive if each.isfile())  # type: ignore[union-attr]

    assert {"app/services/forecaster/__main__.py", "app/model_code/bundle/load.py", "usecases/tiny_built/features.py"} <= set(
        names
    )
    assert [name for name in names if re.search(r"__pycache__|flows|monitoring|tests/|services/rollout", name)] == []
    assert str(ROOT).encode() not in content


def test_context__has_what_the_build_copies(packed: tuple[Release, Path]) -> None:
    assert copied_by(IMAGE / "Dockerfile") <= {path.name for path in (packed[1] / "context").iterdir()}


def test_context__is_the_same_bytes_for_the_same_release(packed: tuple[Release, Path], tmp_path: Path) -> None:
    release, folder = packed

    first = write_context(release, folder / "bento", tmp_path / "first")
    second = write_context(release, folder / "bento", tmp_path / "second")

    assert first.tag == second.tag
    assert write_context(release.model_copy(update={"library": "xgboost"}), folder / "bento", tmp_path / "third").tag != first.tag
    assert (tmp_path / "first" / "bundle.tar").read_bytes() == (tmp_path / "second" / "bundle.tar").read_bytes()


def test_image__is_named_after_its_base_as_well(packed: tuple[Release, Path], tmp_path: Path) -> None:
    program = pretended(tmp_path)
    content = write_context(packed[0], packed[1] / "bento", tmp_path / "context").tag

    image = build_image(packed[0], tmp_path / "image", Engine(program), base="alpine")

    assert image.name == f"evenkeel-tiny-built:{tag_over(content, 'alpine')}"
    assert tag_over(content, "alpine") not in {tag_over(content, "slim"), content}
    assert built(program) == [[image.name, "alpine"]]


def test_archive__says_only_what_the_content_says(tmp_path: Path) -> None:
    first = write_archive(tmp_path / "a.tar", {"x/y": b"1", "x/a": b"2"})
    second = write_archive(tmp_path / "b.tar", {"x/a": b"2", "x/y": b"1"})

    assert first.read_bytes() == second.read_bytes()
    assert write_archive(tmp_path / "c.tar", {"x/a": b"2", "x/y": b"0"}).read_bytes() != first.read_bytes()


def test_bill__lists_every_package_and_the_model(packed: tuple[Release, Path], tmp_path: Path) -> None:
    lock = requirements_of("", gpu=False)

    document = json.loads(write_bill(lock, packed[0], tmp_path / "bill.json").read_text())

    listed = {f"{each['name'].lower()}=={each['version']}" for each in document["components"] if each["type"] == "library"}
    assert listed == {line.split()[0] for line in lock.read_text().splitlines() if re.match(r"[a-z]", line)}
    model = next(each for each in document["components"] if each["type"] == ComponentType.MACHINE_LEARNING_MODEL.value)
    assert model["hashes"] == [{"alg": "SHA-256", "content": packed[0].bundle}]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_requirements__have_the_versions_that_the_model_was_trained_with(lock: Path) -> None:
    pinned = {name: version for name, version in _pins(ROOT / "requirements" / "runtime.txt")}

    other = {name: version for name, version in _pins(lock) if pinned.get(name, version) != version}

    assert other == {}
    assert dict(_pins(lock))["bentoml"]


def test_requirements__of_the_gpu_are_the_cuda_builds_of_the_same_versions() -> None:
    cpu, gpu = dict(_pins(requirements_of("xgboost", gpu=False))), dict(_pins(requirements_of("xgboost", gpu=True)))

    assert gpu["xgboost"] == cpu["xgboost-cpu"]
    assert "jax-cuda12-plugin" in dict(_pins(requirements_of("lstm", gpu=True)))
    with pytest.raises(ConfigurationError, match="family ridge has no GPU variant"):
        requirements_of("ridge", gpu=True)
    assert sorted(ON_GPU) == ["lstm", "xgboost"]


@pytest.mark.parametrize("name", ["serving", "serving-xgboost"])
def test_requirements__follow_from_what_is_asked_for(name: str, tmp_path: Path) -> None:
    asked = {_name(line) for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines() if re.match(r"[a-z]", line)}

    assert asked <= {name for name, _ in _pins(ROOT / "requirements" / f"{name}.txt")}


def test_engine__that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot run .*start an engine"):
        Engine(str(tmp_path / "docker"))
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    silent.chmod(0o755)
    with pytest.raises(EngineError, match="Cannot connect to the Docker daemon"):
        Engine(str(silent))


def test_build__says_what_is_wrong_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["image", "--usecase", "demand_victoria", "--docker", str(tmp_path / "none")]) == 1

    said = capsys.readouterr().err
    assert "start an engine" in said
    assert "Traceback" not in said


def test_trim__leaves_a_library_that_loads(tmp_path: Path) -> None:
    """Cut down, the libraries of NumPy still compute."""
    import numpy

    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy; print(numpy.__file__, numpy.linalg.inv(numpy.eye(2)).sum())"
    )
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    for part in ("numpy", "numpy.libs"):
        subprocess.run(["cp", "-r", Path(numpy.__file__).parents[1] / part, packages], check=True)
    linked = tmp_path / "linked.so"  # as installers do with the files of their cache
    os.link(next(packages.rglob("_multiarray_umath*.so")), linked)
    content = linked.read_bytes()
    before = sum(path.stat().st_size for path in packages.rglob("*.so*"))

    subprocess.run([sys.executable, ROOT / "services" / "image" / "trim.py", "packages", tmp_path], check=True)

    assert sum(path.stat().st_size for path in packages.rglob("*.so*")) < before
    assert linked.read_bytes() == content
    shown = subprocess.run([sys.executable, "-c", code, packages], capture_output=True, text=True, check=True).stdout
    assert shown.split() == [str(packages / "numpy" / "__init__.py"), "2.0"]


def _pins(lock: Path) -> list[tuple[str, str]]:
    return [
        (_name(line), line.split("==")[1].split()[0]) for line in lock.read_text().splitlines() if re.match(r"[a-z].*==", line)
    ]


def _name(line: str) -> str:
    return re.split(r"[=\[ ]", line)[0]
