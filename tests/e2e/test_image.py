"""The image of a model service: small, closed, the same for the same bundle."""

import json
import subprocess
from pathlib import Path

import pytest

from model_code.specification import Candidate
from services.build.archive import files_below, write_archive
from services.build.engine import Engine
from services.build.image import Image, build_image
from services.build.release import Release, release_of
from tests import trained

# The first image downloads packages; one cluster, so one after the other.
pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
MOST_BYTES = 500_000_000
SMALL = {
    "naive": {},
    "ridge": {"alpha": 1.0},
    "lightgbm": {"n_estimators": 20},
    "forest": {"n_estimators": 20},
    "lstm": {"epochs": 2, "units": 8},
}


def run(engine: Engine, image: Image, *command: str) -> str:
    closed = ("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--entrypoint", command[0])
    return engine.run("run", *closed, image.name, *command[1:])


def test_image__is_small(images: list[Image]) -> None:
    print(f"image: {images[0].size / 1e6:.0f} MB")
    assert images[0].size <= MOST_BYTES


def test_image__runs_as_nobody_without_compiler_or_installer(images: list[Image], engine: Engine) -> None:
    tools = run(engine, images[0], "sh", "-c", "id -u; for each in gcc cc make pip apt-get; do command -v $each; done; true")

    assert tools.split() == ["10001"]
    with pytest.raises(Exception, match="No module named pip"):
        run(engine, images[0], "python", "-m", "pip", "--version")


def test_image__tells_what_it_carries(images: list[Image], releases: list[Release], engine: Engine) -> None:
    found = engine.inspect(images[0].name)
    assert found is not None

    labels = found["Config"]["Labels"]
    assert labels["evenkeel.bundle"] == releases[0].bundle
    assert labels["evenkeel.model.version"] == labels["org.opencontainers.image.version"] == releases[0].version
    assert found["Config"]["User"] == "10001:10001"
    assert json.loads(images[0].bill.read_text())["bomFormat"] == "CycloneDX"


def test_image__keeps_nothing_of_the_building_machine(images: list[Image], engine: Engine) -> None:
    shown = engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", images[0].name)
    assert str(Path.home()) not in shown.replace("/root/.cache", "")
    left = run(engine, images[0], "sh", "-c", "ls -d /etc/pip.conf /root/.cache /root/.config /run/secrets 2>/dev/null; true")

    assert left == ""


def test_image__of_the_same_bundle_has_the_same_layer(
    images: list[Image], releases: list[Release], engine: Engine, tmp_path: Path
) -> None:
    layers = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_archive(folder / "bundle.tar", files_below(releases[0].folder, f"bundles/{releases[0].bundle}"))
        (folder / "Dockerfile").write_text("FROM scratch\nADD bundle.tar /\n")
        name = f"evenkeel-e2e-layer:{number}"
        engine.run("build", "--no-cache", "--tag", name, str(folder))
        found = engine.inspect(name)
        assert found is not None
        layers.append(found["RootFS"]["Layers"][-1])
        engine.run("image", "rm", name)

    assert layers == [images[0].bundle_layer] * 2
    assert images[0].bundle_layer != images[1].bundle_layer


def test_image__does_not_listen_without_keys(images: list[Image], engine: Engine) -> None:
    started = subprocess.run(
        [engine.program, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", images[0].name],
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode != 0
    assert "EVENKEEL_KEYS_FILE" in started.stderr


@pytest.mark.full
@pytest.mark.parametrize("family", sorted(SMALL))
def test_image__of_every_family_answers_its_golden_requests(family: str, engine: Engine, tmp_path: Path) -> None:
    place = trained.installation(tmp_path, f"tiny_{family}", f"sqlite:///{tmp_path / 'mlflow.db'}")
    version, _ = trained.train(place, (Candidate(family=family, parameters=SMALL[family]),))

    image = build_image(release_of(place, version), tmp_path / "image", engine)  # a build ends with the image's own check

    print(f"image of {family}: {image.size / 1e6:.0f} MB")
    assert image.size <= MOST_BYTES
    assert run(engine, image, "id", "-u").strip() == "10001"
    assert json.loads(image.bill.read_text())["metadata"]


@pytest.mark.full
@pytest.mark.parametrize("family", ["xgboost", "lstm"])
def test_image__with_cuda_answers_on_a_machine_without_a_card(family: str, engine: Engine, tmp_path: Path) -> None:
    place = trained.installation(tmp_path, f"cuda_{family}", f"sqlite:///{tmp_path / 'mlflow.db'}")
    version, _ = trained.train(place, (Candidate(family=family, parameters=SMALL.get(family, {"n_estimators": 20})),))

    image = build_image(release_of(place, version), tmp_path / "image", engine, gpu=True)

    print(f"image of {family} with CUDA: {image.size / 1e6:.0f} MB")
    assert run(engine, image, "id", "-u").strip() == "10001"
